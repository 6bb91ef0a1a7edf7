export interface SinkOptions {
  /** Items under way at most. */
  readonly maxPending: number
  readonly onError: (error: unknown, lost: number) => void
}

export interface Sink<T> {
  /**
   * Makes and hands over one item, or none when it makes undefined; never throws, never waits. Above the bound the item
   * is not even made.
   */
  add(make: () => T | undefined | Promise<T | undefined>): void
  /** Counts an item that is not even made; the first of a run of one reason is reported. */
  drop(reason: string): void
  /** Ends a run of drops: the next one is reported again. */
  resume(reason: string): void
  /** Resolves when everything handed over by now has settled, and after `withinMs` in any case, which is reported. */
  settled(withinMs: number): Promise<void>
}

/** Hands items to a slow or failing receiver without ever holding more than `maxPending` of them. */
export function createSink<T>(give: (item: T) => Promise<unknown>, options: SinkOptions): Sink<T> {
  const { maxPending, onError } = options
  const full = `${maxPending} entries are waiting for Redis; further ones are dropped`
  const pending = new Set<Promise<void>>()
  const dropping = new Set<string>()
  let lost = 0

  async function hand(make: () => T | undefined | Promise<T | undefined>): Promise<void> {
    try {
      const item = await make()
      if (item !== undefined) await give(item)
    } catch (error) {
      onError(error, ++lost)
    }
  }

  function drop(reason: string): void {
    lost++
    if (dropping.has(reason)) return
    dropping.add(reason)
    onError(new Error(reason), lost)
  }

  return {
    add(make) {
      if (pending.size >= maxPending) return drop(full)
      const handed = hand(make).finally(() => {
        pending.delete(handed)
        dropping.delete(full)
      })
      pending.add(handed)
    },
    drop,
    resume: (reason) => void dropping.delete(reason),
    async settled(withinMs) {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(() => {
          onError(new Error(`${pending.size} entries had not settled within ${withinMs} ms of close()`), lost)
          resolve()
        }, withinMs)
      })
      await Promise.race([Promise.all(pending), late])
      clearTimeout(timer)
    },
  }
}
