/** Colours of a terminal. Without colours each function returns its text. */
export interface Style {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly green: (text: string) => string
  readonly yellow: (text: string) => string
}

const CODES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] } as const

export function createStyle(colour: boolean): Style {
  const of = ([on, off]: readonly [number, number]): ((text: string) => string) =>
    colour ? (text) => (text === '' ? text : `\u001b[${on}m${text}\u001b[${off}m`) : (text) => text
  return {
    bold: of(CODES.bold),
    dim: of(CODES.dim),
    red: of(CODES.red),
    green: of(CODES.green),
    yellow: of(CODES.yellow),
  }
}

/** Whether to use colours: NO_COLOR and FORCE_COLOR decide (no-color.org, force-color.org), else whether it is a terminal. */
export function wantsColour(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): boolean {
  if (env['NO_COLOR']) return false
  if (env['FORCE_COLOR'] !== undefined) return env['FORCE_COLOR'] !== '0' && env['FORCE_COLOR'] !== 'false'
  return isTerminal && env['TERM'] !== 'dumb'
}
