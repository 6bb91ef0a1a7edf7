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
    if (!this.#timer) this.#arm(this.#ms)
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
    this.#timer = detached(() => setTimeout(() => setImmediate(() => this.#check()), ms).unref())
  }

  #check(): void {
    this.#timer = undefined
    const now = performance.now()
    for (let item = this.#items.first; item; item = this.#items.first) {
      if (item.dueAt > now) {
        this.#arm(Math.ceil(item.dueAt - now))
        return
      }
      this.#items.delete(item)
      this.#expire(item)
    }
  }
}
