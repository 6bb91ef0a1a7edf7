import { inspect } from 'node:util'

/** Tells the operator of something that must not reach a request: a process warning under a code. */
export function warn(code: string, message: string, error?: unknown): void {
  const reason = error === undefined ? '' : `: ${error instanceof Error ? error.message : inspect(error)}`
  process.emitWarning(`penknife: ${message}${reason}`, { code })
}
