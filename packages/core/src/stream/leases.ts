import { LinkedList } from '../linked-list.ts'
import { hasLease, isUnsettled } from './delivery-state.ts'
import type { FetchedEntry, LeasedEntry } from './leased-entry.ts'
import { streamPosition } from './run-entries.ts'
import { NEW, SOURCES } from './sources.ts'

export interface LeasesOptions {
  readonly leaseMs: number
  /**
   * Renews the leases of positions of a source; `places` has those of the entries of runs, as JSON. With `started` it records that their
   * handlers are about to be called. Resolves with the positions whose lease is lost, which may be that of a run.
   */
  readonly renew: (source: number, positions: string, places: string, started: boolean) => Promise<string>
  /** Called when another worker took the entry over. */
  readonly lost: (entry: LeasedEntry) => void
  /** Called when the lease was not renewed in time, because Redis did not reply. Another worker may have the entry. */
  readonly expired: (entry: LeasedEntry) => void
  /** Called when Redis replied to a heartbeat. */
  readonly renewed: () => void
}

/** The leases of a worker, and its heartbeat. */
export interface Leases {
  add(entry: LeasedEntry): void
  delete(entry: LeasedEntry): void
  readonly size: number
  /** The entry at a position of a source. */
  find(source: number, position: string): LeasedEntry | undefined
  /** Characters of all payloads. */
  readonly length: number
  all(): LeasedEntry[]
  /** Returns a test for the entries that are under lease at the time of the call. */
  snapshot(): (fetched: FetchedEntry) => boolean
  /** Whether a renewal is overdue. No entry may start then, because its lease may have ended. */
  overdue(now: number): boolean
  /** Renews one lease and records the start of its handler; resolves with whether that succeeded. */
  recordStart(entry: LeasedEntry): Promise<boolean>
  /** Renews all leases, or waits for the renewal in progress. Does nothing if the last renewal failed. */
  refresh(): Promise<void>
  stop(): void
}

/** Most positions of one call of lua/stream/renew.lua. */
const MOST = 256
/** Shares of a lease: the time between two heartbeats, and the time after which a heartbeat without a reply is overdue. */
const BEAT = 1 / 3
const OVERDUE = 0.4

/**
 * Renews all leases of the worker three times a lease, in one script call for each 256 entries. A lease that could not be renewed ends
 * by the local clock, counted from the time before the last successful renewal was sent.
 */
export function createLeases({ leaseMs, renew, lost, expired, renewed }: LeasesOptions): Leases {
  const list = new LinkedList<LeasedEntry>()
  /** Of each source, the greatest position that was added. */
  const newest = SOURCES.map(() => '')
  const timer = setInterval(() => void beat(), leaseMs * BEAT)
  /** When the oldest lease began, or earlier. */
  let oldest = 0
  let size = 0
  let length = 0
  let beating: Promise<void> = Promise.resolve()
  let beats = 0
  let failing = false

  function forget(entry: LeasedEntry): void {
    if (!list.delete(entry)) return
    size -= 1
    length -= entry.json?.length ?? 0
  }

  function find(source: number, position: string): LeasedEntry | undefined {
    return list.toArray().find((entry) => entry.source === source && entry.position === position)
  }

  /** The entry with the position of one that is being added. Mostly a position is greater than all before, so there is no need to search. */
  function sameAs({ source, position }: LeasedEntry): LeasedEntry | undefined {
    // Runs are in the other source only.
    if (!isAfter(position, newest[source] as string, source !== NEW)) return find(source, position)
    newest[source] = position
    return undefined
  }

  function beat(): Promise<void> {
    const parts: Promise<boolean>[] = []
    const leased = list.toArray().filter(hasLease)
    for (const source of SOURCES.keys()) {
      // They were added in the order of their positions.
      const entries = leased.filter((entry) => entry.source === source)
      for (let from = 0; from < entries.length; from += MOST) {
        parts.push(renewSome(source, entries.slice(from, from + MOST)))
      }
    }
    beats += 1
    beating = Promise.all(parts).then((answered) => {
      beats -= 1
      failing = answered.includes(false)
      oldest = performance.now()
      for (const entry of list.toArray()) {
        if (isUnsettled(entry)) oldest = Math.min(oldest, entry.leaseEndsAt - leaseMs)
      }
      if (!failing) renewed()
    })
    return beating
  }

  /** Resolves with whether Redis replied. */
  function renewSome(
    source: number,
    entries: readonly LeasedEntry[],
    started: boolean = false,
  ): Promise<boolean> {
    const askedAt = performance.now()
    const places = entries.flatMap(({ position, keyed }) => (position.includes('/') ? [keyed?.place] : []))
    return renew(
      source,
      entries.map(({ position }) => position).join(' '),
      places.length === 0 ? '' : JSON.stringify(places),
      started,
    ).then(
      (answer) => {
        const gone = new Set(answer.split(' '))
        for (const entry of entries) {
          const isGone = gone.has(entry.position) || gone.has(streamPosition(entry.position))
          if (!isGone) entry.leaseEndsAt = askedAt + leaseMs
          // The lease of a delivery whose outcome was sent may have ended because the outcome arrived.
          else if (isUnsettled(entry)) lost(entry)
        }
        return true
      },
      () => {
        for (const entry of entries) {
          if (isUnsettled(entry) && performance.now() > entry.leaseEndsAt) expired(entry)
        }
        return false
      },
    )
  }

  return {
    add(entry) {
      const before = sameAs(entry)
      // After a reset of the group a position may be delivered again. Redis no longer has the earlier delivery.
      if (before) {
        forget(before)
        lost(before)
      }
      const began = entry.leaseEndsAt - leaseMs
      oldest = size === 0 ? began : Math.min(oldest, began)
      list.add(entry)
      size += 1
      length += entry.json?.length ?? 0
    },
    delete: forget,
    find,
    get length() {
      return length
    },
    get size() {
      return size
    },
    all: () => list.toArray(),
    snapshot() {
      // A run was read as a whole, so its other entries were known too.
      const leased = new Set(list.toArray().map(readAs))
      return (entry) => leased.has(readAs(entry))
    },
    overdue: (now) => now - oldest > leaseMs * OVERDUE && size > 0,
    async recordStart(entry) {
      const answered = await renewSome(entry.source, [entry], true)
      // The process may have been suspended before it read the reply.
      return answered && performance.now() - (entry.leaseEndsAt - leaseMs) < leaseMs * OVERDUE
    },
    async refresh() {
      if (beats > 0) await beating
      else if (!failing) await beat()
    },
    stop: () => clearInterval(timer),
  }
}

/** Of an entry, or of its run, where it is read. */
function readAs({ source, position }: FetchedEntry | LeasedEntry): string {
  return `${SOURCES[source]?.prefix}${streamPosition(position)}`
}

const DASH = '-'.charCodeAt(0)

/** Whether a position is greater than another. `runs`: they may be of entries of a run. */
function isAfter(position: string, other: string, runs: boolean): boolean {
  // Mostly both are plain ids with a time of 13 digits, and numbers of equal length.
  const alike =
    position.length === other.length && position.charCodeAt(13) === DASH && other.charCodeAt(13) === DASH
  if (alike && !(runs && (position.includes('/', 15) || other.includes('/', 15)))) return position > other
  const [ours, theirs] = [position.split(/[-/]/), other.split(/[-/]/)]
  const at = ours.findIndex((digits, index) => digits !== theirs[index])
  const [digits = '', otherDigits = ''] = [ours[at], theirs[at]]
  return digits.length === otherDigits.length ? digits > otherDigits : digits.length > otherDigits.length
}
