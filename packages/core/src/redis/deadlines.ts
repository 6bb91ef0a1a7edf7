import { detached } from '../detached.ts'
import { type Linked, LinkedList } from '../linked-list.ts'

/** An item with a deadline. Only Deadlines uses these fields. */
export interface Timed<Item> extends Linked<Item> {
  dueAt: number
}

/**
 * Deadlines of one length under one timer.
 *
 * Items expire in the order in which they started, so a linked list in that order is enough. The timer stays set between
 * calls: setting and clearing one for each call would cost as much as all other bookkeeping. It does not keep the process
 * alive.
 */
export class Deadlines<Item extends Timed<Item>> {
  readonly #ms: number
  readonly #expire: (item: Item) => void
  readonly #items = new LinkedList<Item>()
  #timer: NodeJS.Timeout | undefined

  constructor(ms: number, expire: (item: Item) => void) {
    this.#ms = ms
    this.#expire = expire
  }

  /** `now`: when its time began, by the clock of this process. */
  start(item: Item, now: number = performance.now()): void {
    item.dueAt = now + this.#ms
    this.#items.add(item)
    // Its time may have begun a while ago, such as before a handler computed.
    if (!this.#timer) this.#arm(item.dueAt - performance.now())
  }

  /** Removes an item. False for one without a deadline. */
  end(item: Item): boolean {
    return this.#items.delete(item)
  }

  /** The items that have not expired, from the oldest to the newest. */
  get items(): Item[] {
    return this.#items.toArray()
  }

  /** No item expires any more. */
  stop(): void {
    clearTimeout(this.#timer)
  }

  #arm(ms: number): void {
    // After a stall of this process the reply may have arrived already, and is read first.
    // Under load it is armed again and again, so it must not keep the async context of a caller.
    this.#timer = detached(() =>
      setTimeout(() => setImmediate(() => this.#check()), Math.max(0, Math.ceil(ms))).unref(),
    )
  }

  /** Meanwhile `#timer` stays set: `expire` may start other items, and each of them would arm one more. */
  #check(): void {
    const now = performance.now()
    try {
      for (let item = this.#items.first; item && item.dueAt <= now; item = this.#items.first) {
        this.#items.delete(item)
        this.#expire(item)
      }
    } finally {
      this.#timer = undefined
      const { first } = this.#items
      if (first) this.#arm(first.dueAt - performance.now())
    }
  }
}
