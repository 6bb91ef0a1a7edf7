export interface SinkOptions {
  readonly maxPending: number
  readonly onError: (error: unknown, lost: number) => void
}

export interface Sink<T> {
  /** Makes and hands over one item; never throws, never waits. Above the bound the item is not even made. */
  add(make: () => T): void
  /** Resolves when everything handed over has settled. */
  settled(): Promise<void>
}

/** Hands items to a slow or failing receiver without ever holding more than `maxPending` of them. */
export function createSink<T>(give: (item: T) => Promise<unknown>, options: SinkOptions): Sink<T> {
  const { maxPending, onError } = options
  const pending = new Set<Promise<void>>()
  let lost = 0
  let full = false

  async function hand(make: () => T): Promise<void> {
    try {
      await give(make())
    } catch (error) {
      onError(error, ++lost)
    }
  }

  return {
    add(make) {
      if (pending.size >= maxPending) {
        lost++
        if (!full)
          onError(new Error(`${maxPending} entries are waiting for Redis; further ones are dropped`), lost)
        full = true
        return
      }
      const handed = hand(make).finally(() => {
        pending.delete(handed)
        full = pending.size >= maxPending
      })
      pending.add(handed)
    },
    async settled() {
      while (pending.size > 0) await Promise.all(pending)
    },
  }
}
