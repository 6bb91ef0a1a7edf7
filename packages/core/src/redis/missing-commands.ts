import { ReplyError } from './driver.ts'

/** Optional commands, and what penknife does without each. A call that needs a missing command fails, so those are not listed. */
const WITHOUT = {
  CLIENT:
    "penknife's connections have no name in CLIENT LIST, and workers that share connections may get an entry up to a second late",
  'MEMORY USAGE': 'stats() of a stream has no `bytes`, and the bound `bytes` of `retain` is not applied',
  WAIT: "calls with durability 'replicated' are refused",
  WAITAOF: "calls with durability 'fsynced' are refused",
  SSUBSCRIBE:
    'notifiers receive no events, and callers that wait for a message check again after a while instead',
} as const

export type Optional = keyof typeof WITHOUT

/** The finding for a command that failed. Undefined if the server knows the command and the user may run it. */
export function missingMessage(command: Optional, error: unknown): string | undefined {
  if (!(error instanceof ReplyError)) return undefined
  const { message } = error
  if (!/^NOPERM .* to run |^ERR unknown (command|subcommand)/i.test(message)) return undefined
  return `${command} is missing: ${WITHOUT[command]} (Redis said: ${message})`
}
