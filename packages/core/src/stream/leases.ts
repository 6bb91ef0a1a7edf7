import { type Arrival, controlOf, type Held } from './delivery.ts'

export interface LeasesOptions {
  readonly leaseMs: number
  /** Renews the leases of positions of the group's own stream or the main one; answers those that were lost. */
  readonly renew: (ready: boolean, positions: string) => Promise<string>
  /** Another has it. */
  readonly lost: (held: Held) => void
  /** It could not be renewed in time: another may have it, and Redis could not be asked. */
  readonly expired: (held: Held) => void
}

/** The leases of a worker, and its heartbeat. */
export interface Leases {
  add(held: Held): void
  delete(held: Held): void
  readonly size: number
  all(): Iterable<Held>
  /** Whether an arrival was held when this was asked for. */
  snapshot(): (arrival: Arrival) => boolean
  stop(): void
}

/** What one call of lua/stream/renew.lua takes. */
const MOST = 256

/**
 * Renews the leases of everything the worker holds, three times a lease: one script call for each 256 entries. A lease
 * that could not be renewed ends by the local clock, counted from before the last renewal was sent.
 */
export function createLeases({ leaseMs, renew, lost, expired }: LeasesOptions): Leases {
  const streams = { main: new Map<string, Held>(), ready: new Map<string, Held>() }
  const timer = setInterval(beat, leaseMs / 3)

  function mapOf(held: Held): Map<string, Held> {
    return held.ready ? streams.ready : streams.main
  }

  function beat(): void {
    for (const [name, map] of Object.entries(streams)) {
      // The order of arrival is that of the positions.
      const held = [...map.values()].filter(({ stage }) => stage !== 'over')
      for (let from = 0; from < held.length; from += MOST) {
        renewSome(name === 'ready', held.slice(from, from + MOST))
      }
    }
  }

  function renewSome(ready: boolean, some: readonly Held[]): void {
    const askedAt = performance.now()
    renew(ready, some.map(({ position }) => position).join(' ')).then(
      (answer) => {
        const gone = new Set(answer.split(' '))
        for (const held of some) {
          if (!gone.has(held.position)) held.leaseEndsAt = askedAt + leaseMs
          // One whose outcome is under way may be gone because it arrived.
          else if (held.stage !== 'ending' && held.stage !== 'over') lost(held)
        }
      },
      () => {
        for (const held of some) {
          const mine = held.stage === 'waiting' || held.stage === 'running'
          if (mine && performance.now() > held.leaseEndsAt) expired(held)
        }
      },
    )
  }

  return {
    add(held) {
      const map = mapOf(held)
      const before = map.get(held.position)
      // A position that comes again, as after a reset of its group: the earlier delivery is not the one Redis knows.
      if (before) {
        map.delete(held.position)
        lost(before)
      }
      map.set(held.position, held)
    },
    delete(held) {
      const map = mapOf(held)
      if (map.get(held.position) === held) map.delete(held.position)
    },
    get size() {
      return streams.main.size + streams.ready.size
    },
    *all() {
      yield* streams.main.values()
      yield* streams.ready.values()
    },
    snapshot() {
      const held = { main: new Set(streams.main.keys()), ready: new Set(streams.ready.keys()) }
      return ({ ready, position }) => held[ready ? 'ready' : 'main'].has(position)
    },
    stop: () => clearInterval(timer),
  }
}

/** The handler of a delivery that is not this worker's any more learns of it. */
export function abort(held: Held, why: Error): void {
  held.stage = 'over'
  // A signal that nobody asked for is made aborted, for one who asks later.
  controlOf(held).abort(why)
}
