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

/** Whether an id is the position before the first event of a history. */
export function isBeginning(id: string): boolean {
  return /^\d+-0$/.test(id)
}

/**
 * All histories that a channel had, has and could have. Each event refers to the one before it, so histories that
 * lost their end and continued differently form a tree. `line` is the present history, `stored` the part of it that
 * is in Redis. A place is the id of the last event, or the beginning of one of the histories. Beginnings are numbered
 * here, whatever ids they have.
 */
export class ChannelModel {
  readonly #known = new Map<string, Published>()
  #line: Published[] = []
  #stored: readonly string[] = []
  readonly #ageMs: number
  /** Histories that were lost as a whole. */
  #lost = 0
  /** What Redis knew of the present history before its first event is lost. */
  #forgotten = false

  constructor(ageMs: number) {
    this.#ageMs = ageMs
  }

  /** The place before the first event of the present history. */
  get beginning(): string {
    return `beginning ${this.#lost}`
  }

  get top(): string {
    return this.#line.at(-1)?.id ?? this.beginning
  }

  get empty(): boolean {
    return this.#line.length === 0
  }

  /** The place of a position that was given out now. */
  placeOf(id: string): string {
    return isBeginning(id) ? this.beginning : id
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

  /** The newest events were lost. Returns how many remain. The history continues from those. */
  rollBack(count: number): number {
    this.#line.splice(Math.max(0, this.#line.length - count))
    return this.#line.length
  }

  /**
   * Redis lost the whole channel, or the beginning of a channel without a history. The next history may be another
   * one.
   */
  lose(): void {
    this.#forgotten = this.empty
    if (!this.empty) this.#lost += 1
    this.#line = []
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

  /** Whether nothing after the place is gone. It may be unknown to Redis: a reset is in order, though nothing is gone. */
  resumable(position: string, now: number): boolean | 'unknown' {
    if (position === this.beginning && this.#forgotten) return 'unknown'
    if (position === 'oldest' || position === this.top) return true
    const atBeginning = position === this.beginning
    const at = this.#line.findIndex(({ id }) => id === position)
    if (!atBeginning && (at === -1 || !this.#isStored(this.#line[at]!))) return false
    const next = this.#line[at + 1]!
    return this.#isStored(next) && !this.#tooOld(next, now)
  }

  /** Whether nothing after the place is gone, up to the end: somebody may have deleted one in the middle. */
  whole(place: string, now: number): boolean {
    if (place === '+') return true
    if (place !== 'oldest' && this.resumable(place, now) !== true) return false
    const first = place === 'oldest' ? this.oldest(now)?.id : place
    const after = this.#line.slice(this.#line.findIndex(({ id }) => id === first) + 1)
    return after.every((event) => this.#isStored(event))
  }

  /** The oldest event that '-' begins with: those before it are gone or too old. */
  oldest(now: number): Published | undefined {
    return this.#line.find((event) => this.#isStored(event) && !this.#tooOld(event, now))
  }

  /**
   * What a subscriber must have got between two places and did not, if anything: all events between them but those
   * of other types, those not worth reading any more, and those that a later one supersedes.
   */
  missing(
    from: string,
    to: string,
    now: number,
    types?: readonly string[],
  ): Published | 'no way from there' | undefined {
    if (from === to) return undefined
    if (to === this.beginning) return from === 'oldest' ? undefined : 'no way from there'
    const oldest = from === 'oldest' ? this.oldest(now)?.offset : undefined
    const superseding = new Set<string>()
    const note = ({ coalesce, type }: Published): unknown =>
      coalesce !== undefined && superseding.add(`${type} ${coalesce}`)
    for (let id = this.top; this.#known.has(id) && id !== to; id = this.#known.get(id)!.before) {
      note(this.#known.get(id)!)
    }
    const end = this.#known.get(to)
    if (!end) return 'no way from there'
    note(end)
    for (let id = end.before; id !== from;) {
      const event = this.#known.get(id)
      if (!event) return from === 'oldest' ? undefined : 'no way from there'
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
