import { isOutage, PenknifeError } from './errors.ts'

/** A right that expires unless it is renewed: slots of a limiter, a lock, permits, a leadership. */
export interface Lease extends AsyncDisposable {
  /**
   * Gives the right back before it expires. True when it was in force until then, by Redis' clock. A repeated call sends
   * nothing and resolves with the first answer; after an error it sends again.
   */
  release(): Promise<boolean>
  /** As `release`, for `await using`. Does not fail when Redis is away or penknife was closed: the lease then expires by itself. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Makes a lease of a function that gives the right back in Redis. */
export function createLease(giveBack: () => Promise<boolean>): Lease {
  let released: Promise<boolean> | undefined
  function release(): Promise<boolean> {
    if (!released) {
      released = giveBack()
      released.catch(() => (released = undefined))
    }
    return released
  }
  return {
    release,
    async [Symbol.asyncDispose]() {
      await release().catch((error: unknown) => {
        if (!endsByItself(error)) throw error
      })
    },
  }
}

/** Whether a release failed only because Redis is away or penknife was closed: the lease then expires by itself. */
export function endsByItself(error: unknown): boolean {
  return isOutage(error) || (error instanceof PenknifeError && error.code === 'PENKNIFE_CLOSED')
}
