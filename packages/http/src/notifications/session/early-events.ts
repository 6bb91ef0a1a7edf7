import type { NotifierEvent, NotifierSubscription } from '@penknife/core'

/** The events of a session whose transport is not open yet. */
export class EarlyEvents {
  readonly #events: NotifierEvent[] = []
  readonly #channels = new Set<string>()
  #size = 0

  /** About how many bytes the events have. */
  get size(): number {
    return this.#size
  }

  get events(): readonly NotifierEvent[] {
    return this.#events
  }

  add(event: NotifierEvent): void {
    if (event.id !== null) this.#channels.add(event.channel)
    this.#events.push(event)
    this.#size += event.kind === 'message' ? event.json.length + 100 : 100
  }

  /**
   * The positions before these events: the one from which the client resumes, else the subscription's. A channel with an
   * event here has no position otherwise, because its subscription is already at that event.
   */
  positionsBefore(
    channels: readonly string[],
    from: ReadonlyMap<string, string>,
    subscription: NotifierSubscription,
  ): Map<string, string> {
    const now = subscription.cursors()
    const positions = new Map(from)
    for (const channel of channels) {
      const position = now[channel]
      if (!positions.has(channel) && !this.#channels.has(channel) && position !== undefined)
        positions.set(channel, position)
    }
    return positions
  }
}
