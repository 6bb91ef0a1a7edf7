import { ReplyError } from './driver.ts'

/** What a server lacks, or a user may not run, and what penknife does without. Never what a call cannot do without: that call fails. */
const WITHOUT = {
  CLIENT: "penknife's connections have no name in CLIENT LIST",
  'MEMORY USAGE': 'stats() of a stream has no `bytes`, and the bound `bytes` of `retain` is not applied',
  WAIT: "calls with durability 'replicated' are refused",
  WAITAOF: "calls with durability 'fsynced' are refused",
  SSUBSCRIBE: 'notifiers receive no events, and what waits for a message looks again after a while instead',
} as const

export type Optional = keyof typeof WITHOUT

/** The finding for a command that failed; undefined when the server knows it and lets the user run it. */
export function missingMessage(command: Optional, error: unknown): string | undefined {
  if (!(error instanceof ReplyError)) return undefined
  const { message } = error
  if (!/^NOPERM .* to run |^ERR unknown (command|subcommand)/i.test(message)) return undefined
  return `${command} is missing: ${WITHOUT[command]} (Redis said: ${message})`
}
