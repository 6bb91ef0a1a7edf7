import { NotSent, ReplyError } from '../driver.ts'

/** Turns an error of node-redis into a ReplyError or a NotSent; others stay as they are. */
export function toFailure(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  if (isReply(error)) return new ReplyError(error.message, error)
  return NEVER_SENT.has(error.constructor.name) ? new NotSent(error.message, error) : error
}

/** Turns the errors in a reply into ReplyErrors. A script's reply to a batch may contain them. */
export function toReply(reply: unknown): unknown {
  if (!Array.isArray(reply)) return reply
  for (let at = 0; at < reply.length; at++) {
    if (reply[at] instanceof Error) reply[at] = toFailure(reply[at])
  }
  return reply
}

/** Whether a command was in flight when its client was destroyed. The error does not contain the reason. */
export function isOurs(error: unknown): boolean {
  return error instanceof Error && error.constructor.name === 'DisconnectsClientError'
}

const NEVER_SENT = new Set(['ClientOfflineError', 'ClientClosedError'])

/** Tested by the name of its class, because it belongs to the application's copy of node-redis. */
export function isReply(error: Error): boolean {
  let made: unknown = error.constructor
  while (typeof made === 'function' && made !== Error) {
    if (made.name === 'ErrorReply') return true
    made = Object.getPrototypeOf(made)
  }
  return false
}
