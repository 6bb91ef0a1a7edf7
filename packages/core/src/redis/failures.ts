import { PenknifeError } from '../errors.ts'

/** Replies that say the server cannot serve the call now, and did nothing of it. */
const NOT_NOW = new Set([
  'READONLY',
  'LOADING',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'BUSY',
  'MISCONF',
  'NOREPLICAS',
  'OOM',
  'UNBLOCKED',
])

/** An error reply of Redis: its message begins with a code in capitals. */
export function replyCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined
  return /^[A-Z]+/.exec(error.message)?.[0]
}

/** True when ioredis refused the command because no connection was open: it was never sent. */
export function neverSent(error: unknown): boolean {
  return error instanceof Error && /enableOfflineQueue options is false/.test(error.message)
}

const ELSEWHERE = new Set(['MOVED', 'ASK', 'TRYAGAIN'])

/** True when a node of a cluster refused a call because its slot is, or is moving, elsewhere: nothing was done. */
export function movedAway(error: unknown): boolean {
  return ELSEWHERE.has(replyCode(error) ?? '')
}

/** Turns what came back from ioredis into the error that the caller sees. */
export function failureOf(what: string, error: unknown): PenknifeError {
  if (error instanceof PenknifeError) return error
  const text = error instanceof Error ? error.message : String(error)
  const code = replyCode(error)
  if (code && NOT_NOW.has(code)) {
    return new PenknifeError('PENKNIFE_UNAVAILABLE', `${what}: Redis cannot serve the call now: ${text}`, {
      cause: error,
    })
  }
  if (code)
    return new PenknifeError('PENKNIFE_REJECTED', `${what}: Redis refused the call: ${text}`, {
      cause: error,
    })
  if (neverSent(error)) {
    return new PenknifeError('PENKNIFE_UNAVAILABLE', `${what}: Redis cannot be reached`, { cause: error })
  }
  return new PenknifeError(
    'PENKNIFE_FATE_UNKNOWN',
    `${what}: the connection broke after the call was sent (${text}); it may have been carried out`,
    { cause: error, fate: 'unknown' },
  )
}
