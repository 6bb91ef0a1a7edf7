export interface SinkOptions {
  /** The most items that are being added. */
  readonly maxPending: number
  readonly onError: (error: unknown, lost: number) => void
}

export interface Sink<T> {
  /**
   * Makes and adds one item, or none if `make` returns undefined. Never throws and never waits. Above the bound it does not
   * call `make`.
   */
  add(make: () => T | undefined | Promise<T | undefined>): void
  /** Counts a dropped item. Reports the first one of each reason, until `resume`. */
  drop(reason: string): void
  /** Lets the next dropped item of this reason be reported again. */
  resume(reason: string): void
  /** Resolves when all items so far have settled. After `withinMs` it reports that some have not, and resolves. */
  settled(withinMs: number): Promise<void>
}

/** Gives items to a slow or failing receiver, with at most `maxPending` of them in memory. */
export function createSink<T>(give: (item: T) => Promise<unknown>, options: SinkOptions): Sink<T> {
  const { maxPending, onError } = options
  const full = `${maxPending} entries are waiting for Redis; further ones are dropped`
  const pending = new Set<Promise<void>>()
  const dropping = new Set<string>()
  let lost = 0

  async function deliver(make: () => T | undefined | Promise<T | undefined>): Promise<void> {
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
      const delivery = deliver(make).finally(() => {
        pending.delete(delivery)
        dropping.delete(full)
      })
      pending.add(delivery)
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
