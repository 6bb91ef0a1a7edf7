import type { Arg } from './script.ts'

/** An argument of a command. */
export type Sent = Arg | Bulk

/** An argument that is sent many times. `text` is its wire format, one character for each byte. */
export class Bulk {
  readonly arg: Arg
  readonly text: string

  constructor(arg: Arg) {
    this.arg = arg
    this.text = bulk(arg)
  }
}

/** The arguments as a client library takes them. */
export function argsOf(sent: readonly Sent[]): Arg[] {
  return sent.map((each) => (each instanceof Bulk ? each.arg : each))
}

/** An argument in its wire format, one character for each byte. */
export function bulk(arg: Arg): string {
  const text = byteText(arg)
  return `$${text.length}\r\n${text}\r\n`
}

function byteText(arg: Arg): string {
  if (typeof arg === 'number') return String(arg)
  if (typeof arg !== 'string') return arg.toString('latin1')
  return Buffer.byteLength(arg) === arg.length ? arg : Buffer.from(arg).toString('latin1')
}
