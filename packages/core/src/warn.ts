/** As `PENKNIFE_AWAY`. */
export type WarningCode = `PENKNIFE_${string}`

/**
 * Emits a process warning: a mistake or a trouble that fails no call. Its name is PenknifeWarning. docs/errors.md has every code. Never
 * throws.
 */
export function warn(code: WarningCode, message: string): void {
  process.emitWarning(message, { type: 'PenknifeWarning', code })
}
