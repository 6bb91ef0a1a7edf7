/** Channels with events that arrived from Redis in this tick. They are delivered at its end. */
export interface Arrivals {
  /** Adds a channel that has events to deliver. */
  add(deliver: () => void): void
  /** Delivers all of them now, before something that arrived later. */
  deliverAll(): void
}

/** One for each notifier. Channels deliver in the order in which they were added. */
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
