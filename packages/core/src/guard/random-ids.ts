import { randomBytes } from 'node:crypto'

const BYTES = 15
/** Ids for each call of randomBytes: one call costs as much as fifty ids. */
const POOLED = 256

/** Returns random ids of 20 characters that nobody can guess: 120 bits each. */
export function createRandomIds(): () => string {
  let pool = Buffer.alloc(0)
  let at = 0
  return () => {
    if (at >= pool.length) {
      pool = randomBytes(BYTES * POOLED)
      at = 0
    }
    const id = pool.toString('base64url', at, at + BYTES)
    at += BYTES
    return id
  }
}
