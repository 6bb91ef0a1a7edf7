import { setTimeout as delay } from 'node:timers/promises'

/** Adds that wait for room in a full stream, in order. Only the first of them sends calls to Redis. */
export interface RoomQueue {
  /** How many wait. */
  readonly size: number
  /** Waits until this add is the first, then calls `tryOnce` until it resolves with an id. */
  wait(tryOnce: () => Promise<string | undefined>, signal: AbortSignal | undefined): Promise<string>
}

/** The wait between two tries. It doubles up to `LAST_WAIT_MS`. */
const FIRST_WAIT_MS = 20
const LAST_WAIT_MS = 500

export function createRoomQueue(): RoomQueue {
  /** Resolves when the last waiting add is done. */
  let last: Promise<void> = Promise.resolve()
  let size = 0
  return {
    get size() {
      return size
    },
    async wait(tryOnce, signal) {
      const before = last
      let pass = (): void => {}
      size += 1
      last = new Promise((resolve) => (pass = resolve))
      try {
        await orAbort(before, signal)
        for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LAST_WAIT_MS)) {
          signal?.throwIfAborted()
          const id = await tryOnce()
          if (id !== undefined) return id
          await orAbort(delay(wait), signal)
        }
      } finally {
        size -= 1
        // An aborted add lets the next one start only after the one before it is done.
        before.then(pass, pass)
      }
    },
  }
}

/** Waits for a promise, or rejects when the signal is aborted. */
function orAbort(promise: Promise<unknown>, signal: AbortSignal | undefined): Promise<unknown> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
