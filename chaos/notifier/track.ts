import { type ChannelTruth, type Place, placeOf, type Version } from './truth.ts'

/** A client's way through a channel, held against what the channel's history was. */
export interface Track {
  /** The last position known; undefined until there is one. */
  readonly at: { readonly id: string } | undefined
  /** It is somewhere, by a reset or because it begins there. */
  begin(id: string): void
  /** It sees an event: what is wrong with that, if anything is. */
  see(id: string, p: number, n: number): string | undefined
  /** It is told to be somewhere without seeing an event; false when events would be left out. */
  pass(id: string): boolean
  /** Whether history that it needs was lost or trimmed by then. */
  mayReset(t: number): boolean
  /** Nothing follows on what was seen so far: what that was. */
  end(): Seen
}

export interface Seen {
  /** A version of the history in which all of it stands; undefined when there was nothing. */
  readonly version: Version | undefined
  /** Offsets: after this one, up to that one. */
  readonly from: number
  readonly to: number
  /** `publisher/number` of each event. */
  readonly events: ReadonlySet<string>
  /** Offsets that were passed over because a later event would tell it anew, which did not come. */
  readonly owed: readonly number[]
}

/** Something may be noted a little later than a client learns of it. */
const TOLERANCE_MS = 1000

/** `contentOf` knows which event, as `publisher/number`, has an id. */
export function createTrack(truth: ChannelTruth, contentOf: (id: string) => string | undefined): Track {
  let at: (Place & { readonly id: string }) | undefined
  /** Versions of the history in which everything stands that it saw since it began here. */
  let candidates: readonly Version[] = truth.versions
  let from = 0
  let events = new Set<string>()
  /** By what they tell: offsets passed over. */
  let owed = new Map<string, number>()

  function isThere(version: Version, { epoch, offset, tag }: Place, content: string | undefined): boolean {
    if (offset === 0) return epoch === '0' || version.epoch === epoch
    const kept = version.epoch === epoch ? version.events.get(offset) : undefined
    if (kept === undefined || (content !== undefined && content !== `${kept.p}/${kept.n}`)) return false
    return kept.tag === undefined || tag === undefined || kept.tag === tag
  }

  /** Whether all from one offset up to another, both left out, are told anew by later events. */
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

  /** The versions in which it may go from where it is to a place, with what lies between left out. */
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
