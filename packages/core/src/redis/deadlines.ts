import { detached } from '../detached.ts'

/** An item with a deadline. Only Deadlines uses these fields. */
export interface Timed<Item> {
  dueAt: number
  before: Item | undefined
  after: Item | undefined
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
  #first: Item | undefined
  #last: Item | undefined
  #armed = false

  constructor(ms: number, expire: (item: Item) => void) {
    this.#ms = ms
    this.#expire = expire
  }

  start(item: Item): void {
    item.dueAt = performance.now() + this.#ms
    item.before = this.#last
    if (this.#last) this.#last.after = item
    else this.#first = item
    this.#last = item
    if (!this.#armed) this.#arm(this.#ms)
  }

  /** Removes an item. Does nothing for an item without a deadline. */
  end(item: Item): void {
    if (item.before) item.before.after = item.after
    else if (this.#first === item) this.#first = item.after
    else return
    if (item.after) item.after.before = item.before
    else this.#last = item.before
    item.before = item.after = undefined
  }

  /** The items that have not expired, from the oldest to the newest. */
  get items(): Item[] {
    const items: Item[] = []
    for (let item = this.#first; item; item = item.after) items.push(item)
    return items
  }

  #arm(ms: number): void {
    this.#armed = true
    // After a stall of this process the reply may have arrived already, and is read first.
    // Under load it is armed again and again, so it must not keep the async context of a caller.
    detached(() => setTimeout(() => setImmediate(() => this.#check()), ms).unref())
  }

  #check(): void {
    this.#armed = false
    const now = performance.now()
    for (let item = this.#first; item; item = this.#first) {
      if (item.dueAt > now) {
        this.#arm(Math.ceil(item.dueAt - now))
        return
      }
      this.end(item)
      this.#expire(item)
    }
  }
}
