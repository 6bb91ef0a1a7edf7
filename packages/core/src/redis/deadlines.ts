/** Something that must end in time; the fields are the deadlines' own. */
export interface Timed<Item> {
  dueAt: number
  before: Item | undefined
  after: Item | undefined
}

/**
 * Deadlines of one length under one timer.
 *
 * They fall due in the order in which they began, so a list in that order is all there is to it. The timer stays
 * armed between calls: to arm and to clear one for every call costs as much as the rest of the bookkeeping. It keeps
 * no process alive.
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

  /** Forgets an item; one that has no deadline is none of its business. */
  end(item: Item): void {
    if (item.before) item.before.after = item.after
    else if (this.#first === item) this.#first = item.after
    else return
    if (item.after) item.after.before = item.before
    else this.#last = item.before
    item.before = item.after = undefined
  }

  #arm(ms: number): void {
    this.#armed = true
    // After a stall of this process what was waited for may have come already: look there first.
    setTimeout(() => setImmediate(() => this.#look()), ms).unref()
  }

  #look(): void {
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
