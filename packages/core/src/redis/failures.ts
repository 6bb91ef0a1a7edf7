import { PenknifeError } from '../errors.ts'
import { errorText, printable } from '../text.ts'
import { NotSent, ReplyError } from './driver.ts'

/** Codes of replies that say the server cannot serve the call now; it gives them before it runs anything of the call. */
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
 * How the message of an error ends that was raised while a script ran: as Redis writes it, or as the generated loop over
 * a batch's items does (scripts/lua/build.ts).
 */
const RAISED = /(?: script: \w+,)? on @user_script(?::\d+)?\.?$/

/** Whether Redis refused a call before it ran anything of it, for a reason that has nothing to do with the call. */
export function refusesNow(error: unknown): boolean {
  return NOT_NOW.has(replyCode(error) ?? '') && !RAISED.test((error as Error).message)
}

/** Whether Redis answered, with an error. */
export function isReply(error: unknown): error is ReplyError {
  return error instanceof ReplyError
}

/** The code of an error reply of Redis, which its message begins with. */
export function replyCode(error: unknown): string | undefined {
  return isReply(error) ? error.code : undefined
}

/** True when no connection was open for the command. */
export function neverSent(error: unknown): error is NotSent {
  return error instanceof NotSent
}

/** True when a node of a cluster refused a call because its slot is, or is moving, elsewhere: nothing was done. */
export function movedAway(error: unknown): error is ReplyError {
  return ELSEWHERE.has(replyCode(error) ?? '')
}

/** Whether a call failed because the memory of Redis is full: it did nothing. */
export function refusedForMemory(error: unknown): boolean {
  return (
    error instanceof PenknifeError && error.fate === 'not-done' && errorText(error.cause).startsWith('OOM ')
  )
}

/** What the client library itself said, for the `cause` of an error. */
export function saidBy(error: unknown): unknown {
  return isReply(error) || neverSent(error) ? (error.cause ?? error) : error
}

/** Turns what came back from a driver into the error that the caller sees; of a script that only reads, nothing is ever done. */
export function failureOf(what: string, error: unknown, readOnly: boolean = false): PenknifeError {
  if (error instanceof PenknifeError) return error
  const cause = saidBy(error)
  if (isReply(error)) {
    const text = printable(errorText(error).replace(RAISED, ''))
    // There is no rollback: what the script wrote before it failed stays.
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
 * Reads what a script replied. What cannot be read is an error of that call: another server, a proxy or a bug must not make
 * exceptions of ours out of it.
 */
export function readReply<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof PenknifeError ? error : badReply(what, errorText(error), error)
  }
}

/** Redis' time in microseconds out of a reply; only one that a Date can hold. */
export function readTime(what: string, us: unknown): number {
  if (typeof us === 'number' && us >= 0 && us <= 8.64e18) return us
  throw badReply(what, `${String(us)} is no time`)
}

/** The error of a call whose reply is not what its script replies. */
export function badReply(what: string, why: string, cause?: unknown): PenknifeError {
  return new PenknifeError(
    'PENKNIFE_BAD_REPLY',
    `${what}: the reply cannot be read: ${why}; the call may have been carried out. ` +
      'Look for a proxy in front of Redis, or another version of penknife that wrote the key',
    { cause, fate: 'unknown' },
  )
}
