import { NotSent, ReplyError } from '../driver.ts'

/** What node-redis says of a command that failed, as penknife knows it. */
export function toFailure(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  if (isReply(error)) return new ReplyError(error.message, error)
  return NEVER_SENT.has(error.constructor.name) ? new NotSent(error.message, error) : error
}

/** A reply with its errors as penknife knows them; a script has them in the list of a batch. */
export function toReply(reply: unknown): unknown {
  if (!Array.isArray(reply)) return reply
  for (let at = 0; at < reply.length; at++) {
    if (reply[at] instanceof Error) reply[at] = toFailure(reply[at])
  }
  return reply
}

/** Whether a command was in flight when its client was destroyed, which says nothing of why. */
export function isOurs(error: unknown): boolean {
  return error instanceof Error && error.constructor.name === 'DisconnectsClientError'
}

const NEVER_SENT = new Set(['ClientOfflineError', 'ClientClosedError'])

/** By the name of its class: it comes from the node-redis of the application, and has no other mark. */
export function isReply(error: Error): boolean {
  let made: unknown = error.constructor
  while (typeof made === 'function' && made !== Error) {
    if (made.name === 'ErrorReply') return true
    made = Object.getPrototypeOf(made)
  }
  return false
}
