import { hasLease, isUnsettled } from './delivery-state.ts'
import type { FetchedEntry, LeasedEntry } from './leased-entry.ts'
import { SOURCES } from './sources.ts'

export interface LeasesOptions {
  readonly leaseMs: number
  /**
   * Renews the leases of positions of a source, and with `started` records that their handlers are about to be called;
   * resolves with the positions whose lease was lost.
   */
  readonly renew: (source: number, positions: string, started: boolean) => Promise<string>
  /** Another worker has it. */
  readonly lost: (entry: LeasedEntry) => void
  /** It could not be renewed in time: another may have it, and Redis could not be asked. */
  readonly expired: (entry: LeasedEntry) => void
  /** Redis answered a heartbeat. */
  readonly renewed: () => void
}

/** The leases of a worker, and its heartbeat. */
export interface Leases {
  add(entry: LeasedEntry): void
  delete(entry: LeasedEntry): void
  readonly size: number
  /** Characters of all payloads. */
  readonly length: number
  all(): Iterable<LeasedEntry>
  /** Whether an entry that was fetched was leased at the time of this call. */
  snapshot(): (fetched: FetchedEntry) => boolean
  /** Whether the heartbeat is late for any of them. Nothing may start then: its lease may have ended. */
  overdue(now: number): boolean
  /** Renews one and records that it is started; whether that worked. */
  recordStart(entry: LeasedEntry): Promise<boolean>
  /** Renews all, unless that is under way or failed the last time; resolves when it was answered, or failed. */
  refresh(): Promise<void>
  stop(): void
}

/** What one call of lua/stream/renew.lua takes. */
const MOST = 256
/** Of a lease: between two heartbeats; and after which a heartbeat that was not answered is late. */
const BEAT = 1 / 3
const OVERDUE = 0.4

/**
 * Renews the leases of all entries that the worker has, three times a lease: one script call for each 256 entries. A
 * lease that could not be renewed ends by the local clock, counted from before the last renewal was sent.
 */
export function createLeases({ leaseMs, renew, lost, expired, renewed }: LeasesOptions): Leases {
  /** Of each source, by position. */
  const bySource = SOURCES.map(() => new Map<string, LeasedEntry>())
  const timer = setInterval(() => void beat(), leaseMs * BEAT)
  /** When the oldest of the leases began, or before. */
  let oldest = 0
  let size = 0
  let length = 0
  let beating: Promise<void> = Promise.resolve()
  let beats = 0
  let failing = false

  function mapOf({ source }: LeasedEntry | FetchedEntry): Map<string, LeasedEntry> {
    return bySource[source] as Map<string, LeasedEntry>
  }

  function forget(entry: LeasedEntry): void {
    const map = mapOf(entry)
    if (map.get(entry.position) !== entry) return
    map.delete(entry.position)
    size -= 1
    length -= entry.json?.length ?? 0
  }

  function* all(): Iterable<LeasedEntry> {
    for (const map of bySource) yield* map.values()
  }

  function beat(): Promise<void> {
    const parts: Promise<boolean>[] = []
    for (const [source, map] of bySource.entries()) {
      // They were added in the order of their positions.
      const entries = [...map.values()].filter(hasLease)
      for (let from = 0; from < entries.length; from += MOST) {
        parts.push(renewSome(source, entries.slice(from, from + MOST)))
      }
    }
    beats += 1
    beating = Promise.all(parts).then((answered) => {
      beats -= 1
      failing = answered.includes(false)
      oldest = performance.now()
      for (const entry of all()) {
        if (isUnsettled(entry)) oldest = Math.min(oldest, entry.leaseEndsAt - leaseMs)
      }
      if (!failing) renewed()
    })
    return beating
  }

  /** Whether Redis answered. */
  function renewSome(
    source: number,
    entries: readonly LeasedEntry[],
    started: boolean = false,
  ): Promise<boolean> {
    const askedAt = performance.now()
    return renew(source, entries.map(({ position }) => position).join(' '), started).then(
      (answer) => {
        const gone = new Set(answer.split(' '))
        for (const entry of entries) {
          if (!gone.has(entry.position)) entry.leaseEndsAt = askedAt + leaseMs
          // One whose outcome is under way may be gone because it arrived.
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
      const map = mapOf(entry)
      const before = map.get(entry.position)
      // A position that comes again, as after a reset of its group: Redis does not know the earlier delivery any more.
      if (before) {
        forget(before)
        lost(before)
      }
      const began = entry.leaseEndsAt - leaseMs
      oldest = size === 0 ? began : Math.min(oldest, began)
      map.set(entry.position, entry)
      size += 1
      length += entry.json?.length ?? 0
    },
    delete: forget,
    get length() {
      return length
    },
    get size() {
      return size
    },
    all,
    snapshot() {
      const leased = bySource.map((map) => new Set(map.keys()))
      return ({ source, position }) => leased[source]?.has(position) ?? false
    },
    overdue: (now) => now - oldest > leaseMs * OVERDUE && size > 0,
    async recordStart(entry) {
      const answered = await renewSome(entry.source, [entry], true)
      // The process may have slept while the answer was in its socket.
      return answered && performance.now() - (entry.leaseEndsAt - leaseMs) < leaseMs * OVERDUE
    },
    async refresh() {
      if (beats > 0) await beating
      else if (!failing) await beat()
    },
    stop: () => clearInterval(timer),
  }
}
