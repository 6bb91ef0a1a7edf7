import { setTimeout as delay } from 'node:timers/promises'

/** Adds that wait for room in a full stream. They take turns, and only the first of them asks Redis. */
export interface RoomQueue {
  /** How many wait. */
  readonly size: number
  /** Calls `tryOnce`, once it is the first, until that resolves with an id. */
  wait(tryOnce: () => Promise<string | undefined>, signal: AbortSignal | undefined): Promise<string>
}

/** Between two tries; it doubles up to the last one. */
const FIRST_WAIT_MS = 20
const LAST_WAIT_MS = 500

export function createRoomQueue(): RoomQueue {
  /** Resolves when the last one that waits is done. */
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
        // One that gave up while it waited lets those behind it on only after those before it.
        before.then(pass, pass)
      }
    },
  }
}

/** Waits for something or until the signal ends the waiting. */
function orAbort(what: Promise<unknown>, signal: AbortSignal | undefined): Promise<unknown> {
  if (!signal) return what
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    what.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
