import type { Reply } from '../answer.ts'
import { problem } from '../problem.ts'
import { REDUCED_CAPACITY } from '../rate-limit/replies.ts'

const SOON = { 'Retry-After': '1' }

/** The titles and statuses are those of draft-ietf-httpapi-idempotency-key-header-07. */
export const MISSING: Reply = problem(400, {
  title: 'Idempotency-Key is missing',
  detail: 'This operation needs an Idempotency-Key header with a key that is unique to the request.',
})

export const MALFORMED: Reply = problem(400, {
  title: 'Idempotency-Key is not valid',
  detail: 'Give one key of 1 to 255 visible ASCII characters, in double quotes.',
})

export const MISMATCH: Reply = problem(422, {
  title: 'Idempotency-Key is already used',
  detail: 'The key was used for a request with another payload. Use a new key for a new request.',
})

export const RUNNING: Reply = problem(409, {
  title: 'A request is outstanding for this Idempotency-Key',
  detail: 'The first request with this key is being processed. Try again later.',
  headers: SOON,
})

export const UNAVAILABLE: Reply = problem(503, {
  type: REDUCED_CAPACITY,
  title: 'Temporarily reduced capacity',
  detail: 'It cannot be checked at the moment whether this request was processed before. Nothing was done.',
  headers: SOON,
})

/** The request was processed, and its response cannot be repeated. */
export function notStored(reason: string): Reply {
  return problem(409, {
    title: 'The response for this Idempotency-Key was not stored',
    detail: `The first request with this key was processed. Its response cannot be repeated: ${reason}.`,
  })
}
