/** What is known of an entry with a key, without Redis. */
export interface ModelEntry {
  readonly id: string
  readonly key: string
  state: 'placed' | 'queued' | 'delayed' | 'dead' | 'over'
  /** While it has a place: to be read, read by a consumer, or waiting for its next attempt. */
  phase: 'ready' | 'held' | 'retrying'
  /** Who read it, and where it was. */
  lease: string
  dueMs: number
  /** No worker had it. Only such entries are passed on together. */
  fresh: boolean
}

/** Order by key in plain words: for each key lists of entries that have a place, and the others by age. */
export class OrderModel {
  readonly entries = new Map<string, ModelEntry>()
  /** For each key its places; each has the ids of its entries in order. */
  readonly #places = new Map<string, string[][]>()
  readonly #limit: number
  readonly #stops: boolean
  /** Ids in the order in which they were finished, by key. */
  readonly finished = new Map<string, string[]>()

  constructor(limit: number, stops: boolean) {
    this.#limit = limit
    this.#stops = stops
  }

  placesOf(key: string): string[][] {
    const found = this.#places.get(key) ?? Array.from({ length: this.#limit }, () => [])
    this.#places.set(key, found)
    return found
  }

  get keys(): readonly string[] {
    return [...this.#places.keys()]
  }

  queuedOf(key: string): readonly ModelEntry[] {
    const all = [...this.entries.values()].filter((entry) => entry.state === 'queued' && entry.key === key)
    return all.toSorted((a, b) => compare(a.id, b.id))
  }

  add(id: string, key: string, dueMs: number | undefined): void {
    const entry: ModelEntry = {
      id,
      key,
      state: 'over',
      phase: 'ready',
      lease: '',
      dueMs: dueMs ?? 0,
      fresh: true,
    }
    this.entries.set(id, entry)
    if (dueMs === undefined) this.#enter(entry)
    // A worker has to read it before it is set aside.
    else entry.state = 'delayed'
  }

  read(id: string, lease: string): void {
    Object.assign(this.#of(id), { phase: 'held', lease, fresh: false })
  }

  /** Whether nothing that has the same place is before it. */
  isFirst(id: string): boolean {
    return this.#placeOf(this.#of(id))?.[0] === id
  }

  finish(id: string, run: number): void {
    const entry = this.#of(id)
    this.finished.set(entry.key, [...(this.finished.get(entry.key) ?? []), id])
    this.#leave(entry, 'over', run)
  }

  retry(id: string, dueMs: number): void {
    Object.assign(this.#of(id), { phase: 'retrying', dueMs })
  }

  giveBack(id: string): void {
    const entry = this.#of(id)
    // Those before it in its run may be queued, because they were given back before.
    const [next] = this.queuedOf(entry.key)
    const isNext = !next || compare(id, next.id) < 0
    if (this.isFirst(id) && isNext) entry.phase = 'ready'
    else this.#leave(entry, 'queued', 1)
  }

  bury(id: string): void {
    const entry = this.#of(id)
    if (this.#stops) Object.assign(entry, { state: 'dead', phase: 'held' })
    else this.#leave(entry, 'dead', 1)
  }

  due(id: string): void {
    const entry = this.#of(id)
    if (entry.state === 'delayed') this.#enter(entry)
    else entry.phase = 'ready'
  }

  requeue(id: string): void {
    const entry = this.#of(id)
    if (this.#stops && this.isFirst(id)) Object.assign(entry, { state: 'placed', phase: 'ready' })
    else this.#enter(entry)
  }

  purge(id: string): void {
    const entry = this.#of(id)
    if (this.#placeOf(entry)) this.#leave(entry, 'over', 1)
    else entry.state = 'over'
  }

  /** Somebody cancelled it, wherever it was. Returns false when it had ended. */
  cancel(id: string): boolean {
    const entry = this.#of(id)
    if (entry.state === 'over' || entry.state === 'dead') return false
    this.#dissolve(entry)
    if (this.#placeOf(entry)) this.#leave(entry, 'over', 1)
    else entry.state = 'over'
    return true
  }

  /** It got another time in the future. Returns false when it had ended, or a handler has it. */
  reschedule(id: string, dueMs: number): boolean {
    const entry = this.#of(id)
    if (entry.state === 'over' || entry.state === 'dead') return false
    if (entry.state === 'placed' && entry.phase === 'held') return false
    this.#dissolve(entry)
    if (entry.state === 'placed') entry.phase = 'retrying'
    else Object.assign(entry, { state: 'delayed', phase: 'ready' })
    entry.dueMs = dueMs
    return true
  }

  /** It was deleted by hand, and the places were checked. */
  lose(id: string): void {
    this.#leave(this.#of(id), 'over', 1)
  }

  #of(id: string): ModelEntry {
    return this.entries.get(id) as ModelEntry
  }

  #placeOf(entry: ModelEntry): string[] | undefined {
    return this.placesOf(entry.key).find((place) => place.includes(entry.id))
  }

  #enter(entry: ModelEntry): void {
    const free = this.placesOf(entry.key).find((place) => place.length === 0)
    entry.state = free ? 'placed' : 'queued'
    entry.phase = 'ready'
    free?.push(entry.id)
  }

  #leave(entry: ModelEntry, state: ModelEntry['state'], run: number): void {
    const place = this.#placeOf(entry) as string[]
    place.splice(place.indexOf(entry.id), 1)
    entry.state = state
    if (place.length > 0) return
    for (const [at, next] of this.queuedOf(entry.key).slice(0, run).entries()) {
      if (at > 0 && !(next.fresh && this.#of(place[0] as string).fresh)) return
      place.push(next.id)
      Object.assign(next, { state: 'placed', phase: 'ready' })
    }
  }

  /** An entry of a run that nobody read is to change: the entries of the run are given back. */
  #dissolve(entry: ModelEntry): void {
    const place = this.#placeOf(entry) ?? []
    if (place.length < 2 || !place.every((id) => this.#of(id).phase === 'ready')) return
    // They leave the place meanwhile.
    for (const id of place.slice()) this.giveBack(id)
  }
}

/** The order of two ids. */
export function compare(a: string, b: string): number {
  const [aMs = 0, aNumber = 0] = a.split('-').map(Number)
  const [bMs = 0, bNumber = 0] = b.split('-').map(Number)
  return aMs - bMs || aNumber - bNumber
}
