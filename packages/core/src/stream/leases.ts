import { type Arrival, controlOf, type Held } from './delivery.ts'

export interface LeasesOptions {
  readonly leaseMs: number
  /**
   * Renews the leases of positions of the group's own stream or the main one, and marks that their handlers are about to be
   * called; answers those that were lost.
   */
  readonly renew: (ready: boolean, positions: string, mark: boolean) => Promise<string>
  /** Another has it. */
  readonly lost: (held: Held) => void
  /** It could not be renewed in time: another may have it, and Redis could not be asked. */
  readonly expired: (held: Held) => void
  /** A heartbeat was answered. */
  readonly renewed: () => void
}

/** The leases of a worker, and its heartbeat. */
export interface Leases {
  add(held: Held): void
  delete(held: Held): void
  readonly size: number
  /** Characters of the payloads of all that is held. */
  readonly length: number
  all(): Iterable<Held>
  /** Whether an arrival was held when this was asked for. */
  snapshot(): (arrival: Arrival) => boolean
  /** Whether the heartbeat is late for something that is held. Nothing starts then: its lease may have ended. */
  overdue(now: number): boolean
  /** Renews one and marks it as started; whether that worked. */
  mark(held: Held): Promise<boolean>
  /** Renews what is held, unless that is under way or did not work the last time; resolves when it was answered, or failed. */
  refresh(): Promise<void>
  stop(): void
}

/** What one call of lua/stream/renew.lua takes. */
const MOST = 256
/** Of a lease: between two heartbeats; and after which a heartbeat that was not answered is late. */
const BEAT = 1 / 3
const OVERDUE = 0.4

/**
 * Renews the leases of everything the worker holds, three times a lease: one script call for each 256 entries. A lease
 * that could not be renewed ends by the local clock, counted from before the last renewal was sent.
 */
export function createLeases({ leaseMs, renew, lost, expired, renewed }: LeasesOptions): Leases {
  const streams = { main: new Map<string, Held>(), ready: new Map<string, Held>() }
  const timer = setInterval(() => void beat(), leaseMs * BEAT)
  /** When the oldest of the leases began, or before. */
  let oldest = 0
  let length = 0
  let beating: Promise<void> = Promise.resolve()
  let beats = 0
  let failing = false

  function mapOf(held: Held): Map<string, Held> {
    return held.ready ? streams.ready : streams.main
  }

  function forget(held: Held): void {
    const map = mapOf(held)
    if (map.get(held.position) !== held) return
    map.delete(held.position)
    length -= held.json?.length ?? 0
  }

  function* all(): Iterable<Held> {
    yield* streams.main.values()
    yield* streams.ready.values()
  }

  function beat(): Promise<void> {
    const parts: Promise<boolean>[] = []
    for (const [name, map] of Object.entries(streams)) {
      // The order of arrival is that of the positions.
      const held = [...map.values()].filter(({ stage }) => stage !== 'over')
      for (let from = 0; from < held.length; from += MOST) {
        parts.push(renewSome(name === 'ready', held.slice(from, from + MOST)))
      }
    }
    beats += 1
    beating = Promise.all(parts).then((answered) => {
      beats -= 1
      failing = answered.includes(false)
      oldest = performance.now()
      for (const held of all()) if (isOpen(held)) oldest = Math.min(oldest, held.leaseEndsAt - leaseMs)
      if (!failing) renewed()
    })
    return beating
  }

  /** Whether Redis answered. */
  function renewSome(ready: boolean, some: readonly Held[], mark: boolean = false): Promise<boolean> {
    const askedAt = performance.now()
    return renew(ready, some.map(({ position }) => position).join(' '), mark).then(
      (answer) => {
        const gone = new Set(answer.split(' '))
        for (const held of some) {
          if (!gone.has(held.position)) held.leaseEndsAt = askedAt + leaseMs
          // One whose outcome is under way may be gone because it arrived.
          else if (isOpen(held)) lost(held)
        }
        return true
      },
      () => {
        for (const held of some) if (isOpen(held) && performance.now() > held.leaseEndsAt) expired(held)
        return false
      },
    )
  }

  return {
    add(held) {
      const map = mapOf(held)
      const before = map.get(held.position)
      // A position that comes again, as after a reset of its group: the earlier delivery is not the one Redis knows.
      if (before) {
        forget(before)
        lost(before)
      }
      const began = held.leaseEndsAt - leaseMs
      oldest = streams.main.size + streams.ready.size === 0 ? began : Math.min(oldest, began)
      map.set(held.position, held)
      length += held.json?.length ?? 0
    },
    delete: forget,
    get length() {
      return length
    },
    get size() {
      return streams.main.size + streams.ready.size
    },
    all,
    snapshot() {
      const held = { main: new Set(streams.main.keys()), ready: new Set(streams.ready.keys()) }
      return ({ ready, position }) => held[ready ? 'ready' : 'main'].has(position)
    },
    overdue: (now) => now - oldest > leaseMs * OVERDUE && streams.main.size + streams.ready.size > 0,
    async mark(held) {
      const answered = await renewSome(held.ready, [held], true)
      // The process may have slept while the answer lay in its socket.
      return answered && performance.now() - (held.leaseEndsAt - leaseMs) < leaseMs * OVERDUE
    },
    async refresh() {
      if (beats > 0) await beating
      else if (!failing) await beat()
    },
    stop: () => clearInterval(timer),
  }
}

/** Whether a delivery waits for its handler or is with it. */
function isOpen({ stage }: Held): boolean {
  return stage === 'waiting' || stage === 'running'
}

/** The handler of a delivery that is not this worker's any more learns of it. */
export function abort(held: Held, why: Error): void {
  held.stage = 'over'
  // A signal that nobody asked for is made aborted, for one who asks later.
  controlOf(held).abort(why)
}
