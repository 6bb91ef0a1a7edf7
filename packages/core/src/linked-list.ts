/** An item of a `LinkedList`, which alone changes these fields. */
export interface Linked<Item> {
  before: Item | undefined
  after: Item | undefined
}

/**
 * A list in the order in which its items were added; an item is in one list at a time.
 *
 * For items that come and go all the time. A Map or a Set of them is hashed anew again and again, each old table refers to the next one, and once
 * one of them is old the garbage collector keeps all that followed, with all that was in them. That took more time than handling an entry.
 */
export class LinkedList<Item extends Linked<Item>> {
  #first: Item | undefined
  #last: Item | undefined

  get first(): Item | undefined {
    return this.#first
  }

  add(item: Item): void {
    item.before = this.#last
    if (this.#last) this.#last.after = item
    else this.#first = item
    this.#last = item
  }

  /** False for an item that is not in the list. */
  delete(item: Item): boolean {
    if (item.before) item.before.after = item.after
    else if (this.#first === item) this.#first = item.after
    else return false
    if (item.after) item.after.before = item.before
    else this.#last = item.before
    item.before = item.after = undefined
    return true
  }

  /** The items, from the first to the last. */
  toArray(): Item[] {
    const items: Item[] = []
    for (let item = this.#first; item; item = item.after) items.push(item)
    return items
  }
}
