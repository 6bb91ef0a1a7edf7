/** An event that was published, and the one that stood before it in the history then. */
export interface Published {
  readonly id: string
  readonly offset: number
  readonly before: string
  readonly type: string
  readonly coalesce: string | undefined
  /** In ms of the scripts' clock; after it the event is not worth reading. */
  readonly expires: number
  readonly at: number
}

/** Before the first event of a history. */
export const NOTHING = '0-0'

/**
 * What a channel's history was, is and could be: events know the one before them, so that histories that lost their
 * end and went on otherwise form a tree. `line` is the one that is true now, `stored` what is left of it in Redis.
 */
export class ChannelModel {
  readonly #known = new Map<string, Published>()
  #line: Published[] = []
  #stored: readonly string[] = []
  readonly #ageMs: number

  constructor(ageMs: number) {
    this.#ageMs = ageMs
  }

  get top(): string {
    return this.#line.at(-1)?.id ?? NOTHING
  }

  get lastAt(): number {
    return this.#line.at(-1)?.at ?? 0
  }

  get ids(): readonly string[] {
    return [...this.#known.keys()]
  }

  knows(id: string): boolean {
    return this.#known.has(id)
  }

  /** Events that were published and confirmed, in any order. */
  add(events: readonly Omit<Published, 'offset' | 'before'>[]): void {
    const offset = (id: string): number => Number(id.split('-')[1])
    for (const event of events.toSorted((a, b) => offset(a.id) - offset(b.id))) {
      const last = this.#line.at(-1)
      if (offset(event.id) !== (last?.offset ?? 0) + 1) throw new Error(`${event.id} after ${last?.id}`)
      const at = Math.max(event.at, last?.at ?? 0)
      const added = { ...event, at, offset: offset(event.id), before: this.top }
      this.#line.push(added)
      this.#known.set(added.id, added)
    }
  }

  /** The newest events were lost; returns how many are left. */
  rollBack(count: number): number {
    this.#line.splice(Math.max(0, this.#line.length - count))
    return this.#line.length
  }

  /** What Redis has: its ids, without tags. */
  setStored(ids: readonly string[]): void {
    this.#stored = ids
  }

  #isStored(event: Published): boolean {
    return this.#stored.includes(event.id.replace(/-[^-]*$/, ''))
  }

  #tooOld(event: Published, now: number): boolean {
    return this.#ageMs > 0 && event.at < now - this.#ageMs
  }

  /** Whether nothing after the position is gone. */
  resumable(position: string, now: number): boolean {
    if (position === '-' || position === '+' || position === this.top) return true
    const at = position === NOTHING ? -1 : this.#line.findIndex(({ id }) => id === position)
    if (position !== NOTHING && (at === -1 || !this.#isStored(this.#line[at]!))) return false
    const next = this.#line[at + 1]!
    return this.#isStored(next) && !this.#tooOld(next, now)
  }

  /** The oldest event that '-' begins with: those before it are gone or too old. */
  oldest(now: number): Published | undefined {
    return this.#line.find((event) => this.#isStored(event) && !this.#tooOld(event, now))
  }

  /**
   * What a subscriber must have got between two positions and did not, if anything: all events between them but those
   * of other types, those not worth reading any more, and those that a later one supersedes.
   */
  missing(
    from: string,
    to: string,
    now: number,
    types?: readonly string[],
  ): Published | 'no way from there' | undefined {
    const oldest = from === 'oldest' ? this.oldest(now)?.offset : undefined
    const superseding = new Set<string>()
    const note = ({ coalesce, type }: Published): unknown =>
      coalesce !== undefined && superseding.add(`${type} ${coalesce}`)
    for (let id = this.top; this.#known.has(id) && id !== to; id = this.#known.get(id)!.before) {
      note(this.#known.get(id)!)
    }
    const end = this.#known.get(to)
    if (to !== NOTHING && !end) return 'no way from there'
    if (end) note(end)
    if (from === to) return undefined
    for (let id = end?.before ?? NOTHING; id !== from;) {
      const event = this.#known.get(id)
      if (!event) return from === 'oldest' || from === NOTHING ? undefined : 'no way from there'
      if (from === 'oldest' && (oldest === undefined || event.offset < oldest)) return undefined
      const passed =
        (types !== undefined && !types.includes(event.type)) ||
        event.expires <= now ||
        (event.coalesce !== undefined && superseding.has(`${event.type} ${event.coalesce}`))
      if (!passed) return event
      note(event)
      id = event.before
    }
    return undefined
  }
}
