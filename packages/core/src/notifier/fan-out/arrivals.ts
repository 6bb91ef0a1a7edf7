/** What arrived from Redis in this tick, and is delivered at its end. */
export interface Arrivals {
  /** Notes that a channel has something to deliver. */
  add(deliver: () => void): void
  /** Delivers everything now, because something is about to be delivered that arrived after it. */
  deliverAll(): void
}

/** Of one notifier. Channels deliver in the order in which they were noted. */
export function createArrivals(): Arrivals {
  let waiting: (() => void)[] = []

  function deliverAll(): void {
    const channels = waiting
    waiting = []
    for (const deliver of channels) deliver()
  }

  return {
    add(deliver) {
      if (waiting.push(deliver) === 1) process.nextTick(deliverAll)
    },
    deliverAll,
  }
}
