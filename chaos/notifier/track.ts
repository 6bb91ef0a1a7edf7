import { type ChannelTruth, type Place, placeOf, type Version } from './truth.ts'

/** Follows a client through a channel, and compares it with the channel's history. */
export interface Track {
  /** The last position known; undefined until there is one. */
  readonly at: { readonly id: string } | undefined
  /** It got a position, by a reset or because it begins there. */
  begin(id: string): void
  /** It got an event. Returns a description of the fault, if any. */
  see(id: string, p: number, n: number): string | undefined
  /** It got a position without an event. False if that skips events. */
  pass(id: string): boolean
  /** Whether history that it needs was lost or trimmed at that time. */
  mayReset(t: number): boolean
  /** Ends the check of the events so far. Returns what they were. */
  end(): Seen
}

export interface Seen {
  /** A version of the history that contains all of them. Undefined if there were none. */
  readonly version: Version | undefined
  /** Offsets, first exclusive, last inclusive. */
  readonly from: number
  readonly to: number
  /** `publisher/number` of each event. */
  readonly events: ReadonlySet<string>
  /** Offsets that were skipped because a later event with the same coalesce key should follow, and did not. */
  readonly owed: readonly number[]
}

/** The archive may record an event a little later than a client gets it. */
const TOLERANCE_MS = 1000

/** `contentOf` returns the event of an id, as `publisher/number`. */
export function createTrack(truth: ChannelTruth, contentOf: (id: string) => string | undefined): Track {
  let at: (Place & { readonly id: string }) | undefined
  /** Versions of the history that contain all events that it got since it began. */
  let candidates: readonly Version[] = truth.versions
  let from = 0
  let events = new Set<string>()
  /** Skipped offsets by coalesce key. */
  let owed = new Map<string, number>()

  function isThere(version: Version, { epoch, offset, tag }: Place, content: string | undefined): boolean {
    if (offset === 0) return epoch === '0' || version.epoch === epoch
    const kept = version.epoch === epoch ? version.events.get(offset) : undefined
    if (kept === undefined || (content !== undefined && content !== `${kept.p}/${kept.n}`)) return false
    return kept.tag === undefined || tag === undefined || kept.tag === tag
  }

  /** Whether all events between two offsets, both exclusive, have a later event with the same coalesce key. */
  function maySkip(version: Version, after: number, before: number): boolean {
    for (let offset = after + 1; offset < before; offset++)
      if (version.events.get(offset)?.s === undefined) return false
    return true
  }

  function skip(version: Version, after: number, before: number): void {
    for (let offset = after + 1; offset < before; offset++)
      owed.set(version.events.get(offset)?.s as string, offset)
  }

  function begin(id: string): void {
    at = { id, ...placeOf(id) }
    const place = at
    candidates = truth.versions.filter((version) => isThere(version, place, contentOf(id)))
    from = at.offset
    events = new Set()
    owed = new Map()
  }

  /** The versions in which it may skip from its position to another one. */
  function reaching(place: Place, content: string | undefined, before: number): readonly Version[] {
    const base = at
    return candidates.filter(
      (version) =>
        isThere(version, place, content) &&
        (!base ||
          ((base.epoch === '0' || base.epoch === place.epoch) &&
            place.offset > base.offset &&
            maySkip(version, base.offset, before))),
    )
  }

  return {
    get at() {
      return at
    },
    begin,
    see(id, p, n) {
      const place = placeOf(id)
      const content = `${p}/${n}`
      const left = reaching(place, content, place.offset)
      const [version] = left
      if (!version) {
        const known = truth.versions.filter((each) => isThere(each, place, content))
        if (known.length === 0) return 'the history never had it there'
        if (events.has(content)) return 'seen before'
        if (!at || place.epoch !== at.epoch) return 'another history'
        if (place.offset <= at.offset) return 'an earlier offset'
        return known.some((each) => candidates.includes(each))
          ? 'some are missing'
          : 'what it saw before was lost'
      }
      if (at) skip(version, at.offset, place.offset)
      else from = place.offset - 1
      const telling = version.events.get(place.offset)?.s
      if (telling !== undefined) owed.delete(telling)
      at = { id, ...place }
      candidates = left
      events.add(content)
      return undefined
    },
    pass(id) {
      if (at?.id === id) return true
      const place = placeOf(id)
      if (!at) {
        begin(id)
        return true
      }
      const left = reaching(place, contentOf(id), place.offset + 1)
      const [version] = left
      if (!version) {
        begin(id)
        return false
      }
      skip(version, at.offset, place.offset + 1)
      at = { id, ...place }
      candidates = left
      return true
    },
    mayReset(t) {
      const place = at
      if (!place) return true
      const then = t + TOLERANCE_MS
      const alive = candidates.filter(({ ended }) => ended === undefined || ended > then)
      if (alive.length === 0) return true
      const first = truth.firsts.findLast((each) => each.t <= then)
      return first !== undefined && first.offset > Math.max(place.offset, 1)
    },
    end() {
      const seen = {
        version: at && candidates[0],
        from,
        to: at?.offset ?? 0,
        events,
        owed: [...owed.values()],
      }
      at = undefined
      candidates = truth.versions
      events = new Set()
      owed = new Map()
      return seen
    },
  }
}
