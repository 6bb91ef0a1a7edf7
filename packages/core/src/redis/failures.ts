import { PenknifeError } from '../errors.ts'
import { errorText, printable } from '../text.ts'
import { NotSent, ReplyError } from './driver.ts'

/** Codes of replies with which the server refuses a call for now. It sends them before it runs any part of the call. */
const NOT_NOW = new Set([
  'READONLY',
  'LOADING',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'MOVED',
  'ASK',
  'TRYAGAIN',
  'BUSY',
  'MISCONF',
  'NOREPLICAS',
  'OOM',
  'UNBLOCKED',
  'NOAUTH',
  'WRONGPASS',
  'NOPERM',
])

const ELSEWHERE = new Set(['MOVED', 'ASK', 'TRYAGAIN'])

/**
 * The end of the message of an error that was raised while a script ran. Redis writes it, or the generated loop over the
 * items of a batch (scripts/lua/build.ts).
 */
const RAISED = /(?: script: \w+,)? on @user_script(?::\d+)?\.?$/

/** Whether Redis refused a call before it ran any part of it, for a reason that does not depend on the call. */
export function refusesNow(error: unknown): boolean {
  return NOT_NOW.has(replyCode(error) ?? '') && !RAISED.test((error as Error).message)
}

/** Whether the error is an error reply of Redis. */
export function isReply(error: unknown): error is ReplyError {
  return error instanceof ReplyError
}

/** The code of an error reply: the first word of its message. */
export function replyCode(error: unknown): string | undefined {
  return isReply(error) ? error.code : undefined
}

/** Whether the command was not sent, because no connection was open. */
export function neverSent(error: unknown): error is NotSent {
  return error instanceof NotSent
}

/** Whether a cluster node refused a call because another node owns its slot, or is taking it over. Nothing was done. */
export function movedAway(error: unknown): error is ReplyError {
  return ELSEWHERE.has(replyCode(error) ?? '')
}

/** The client library's own error, for the `cause` of an error. */
export function saidBy(error: unknown): unknown {
  return isReply(error) || neverSent(error) ? (error.cause ?? error) : error
}

/** Turns a driver's error into the error that the caller gets. A script that only reads never leaves a part done. */
export function failureOf(what: string, error: unknown, readOnly: boolean = false): PenknifeError {
  if (error instanceof PenknifeError) return error
  const cause = saidBy(error)
  if (isReply(error)) {
    const text = printable(errorText(error).replace(RAISED, ''))
    // Redis has no rollback: writes before the failure stay.
    if (RAISED.test(error.message) && !readOnly) {
      return new PenknifeError(
        'PENKNIFE_REJECTED',
        `${what}: the script failed in Redis: ${text}; a part of the call may have been carried out`,
        { cause, fate: 'unknown' },
      )
    }
    return refusesNow(error)
      ? new PenknifeError('PENKNIFE_UNAVAILABLE', `${what}: Redis cannot serve the call now: ${text}`, {
          cause,
        })
      : new PenknifeError('PENKNIFE_REJECTED', `${what}: Redis refused the call: ${text}`, { cause })
  }
  if (neverSent(error) || movedAway(error)) {
    return new PenknifeError(
      'PENKNIFE_UNAVAILABLE',
      `${what}: Redis cannot be reached (${errorText(error)})`,
      { cause },
    )
  }
  return new PenknifeError(
    'PENKNIFE_FATE_UNKNOWN',
    `${what}: the connection broke after the call was sent (${errorText(error)}); it may have been carried out`,
    { cause, fate: 'unknown' },
  )
}

/**
 * Decodes a reply of a script. A reply that cannot be decoded is an error of that call (PENKNIFE_BAD_REPLY), never a TypeError:
 * another server, a proxy or a bug may have sent it.
 */
export function readReply<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof PenknifeError ? error : badReply(what, errorText(error), error)
  }
}

/** Reads Redis' time in microseconds from a reply. A time that a Date cannot represent is refused. */
export function readTime(what: string, us: unknown): number {
  if (typeof us === 'number' && us >= 0 && us <= 8.64e18) return us
  throw badReply(what, `${String(us)} is not a time`)
}

/** The error of a call whose reply has not the script's format. */
export function badReply(what: string, why: string, cause?: unknown): PenknifeError {
  return new PenknifeError(
    'PENKNIFE_BAD_REPLY',
    `${what}: the reply cannot be read: ${why}; the call may have been carried out. ` +
      'Look for a proxy in front of Redis, or another version of penknife that wrote the key',
    { cause, fate: 'unknown' },
  )
}
