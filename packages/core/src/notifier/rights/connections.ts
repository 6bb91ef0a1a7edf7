import { randomBytes } from 'node:crypto'

import { reportFault } from '../../callbacks.ts'
import { detached } from '../../detached.ts'
import { isOutage, PenknifeError } from '../../errors.ts'
import type { Runtime } from '../../redis/penknife.ts'
import { notifierConnect, notifierDisconnect } from '../../redis/scripts.gen.ts'
import { within } from '../limits.ts'

/** A counted connection of a user. */
export interface CountedConnection {
  /** Ends the count of this connection. */
  release(): void
}

/** Counts the connections of users over all processes of a notifier. */
export interface Connections {
  /** Counts one more connection. If the user has more than `most`, the oldest end: their `ended` is called. */
  count(user: string, most: number, ended: () => void): Promise<CountedConnection>
}

/** How long a connection counts after its last renewal. */
const LEASE_MS = 60_000
/** Each lease is renewed after a third of its time, a tenth of the leases at once. */
const SLICES = 10
const SLICE_MS = LEASE_MS / 3 / SLICES

/** A connection of this process. */
class Lease {
  readonly number: number
  readonly key: string
  readonly most: number
  readonly ended: () => void
  /** When it was admitted, by Redis' clock; empty before. */
  admitted = ''
  /** Whether a renewal is in progress. */
  renewing = false

  constructor(number: number, key: string, most: number, ended: () => void) {
    this.number = number
    this.key = key
    this.most = most
    this.ended = ended
  }
}

/** While this process has leases, it follows its own pub/sub channel and renews the leases. */
interface Upkeep {
  readonly followed: Promise<void>
  end(): void
}

export function createConnections(
  name: string,
  { keys, bind, subscriber, deadlineMs, onClose }: Runtime,
): Connections {
  const { route } = keys
  const id = randomBytes(12).toString('base64url')
  const channel = keys.processes(name)
  const connect = bind(notifierConnect, [LEASE_MS, channel])
  const disconnect = bind(notifierDisconnect, [])
  const leases = new Map<number, Lease>()
  let last = 0
  let slice = 0
  let upkeep: Upkeep | undefined
  let reported = false

  function begin(): Upkeep {
    let ready: () => void
    const followed = new Promise<void>((resolve) => (ready = resolve))
    const unfollow = subscriber.follow(route, channel + id, {
      message: (number) => end(Number(number)),
      followed: () => ready(),
    })
    const renewals = detached(() => setInterval(renewSlice, SLICE_MS).unref())
    const stop = (): void => {
      clearInterval(renewals)
      unfollow()
    }
    const unregister = onClose(async () => stop())
    return {
      followed,
      end() {
        unregister()
        stop()
      },
    }
  }

  function renewSlice(): void {
    slice = (slice + 1) % SLICES
    for (const lease of leases.values()) if (lease.number % SLICES === slice) renew(lease)
  }

  function renew(lease: Lease): void {
    // Not admitted yet, or Redis is slow: the next slice renews it.
    if (lease.admitted === '' || lease.renewing) return
    lease.renewing = true
    connect(route, lease.key, id, lease.number, lease.admitted, lease.most)
      .then(
        (admitted) => {
          if (admitted === '') end(lease.number)
          // It was released during the renewal.
          else if (!leases.has(lease.number)) free(lease)
        },
        (error: unknown) => {
          // While Redis is away connections stay open. Later renewals count them again.
          if (isOutage(error) || reported) return
          reported = true
          reportFault('a connection of a user cannot be renewed', error)
        },
      )
      .finally(() => (lease.renewing = false))
  }

  function end(number: number): void {
    const lease = leases.get(number)
    if (!lease) return
    drop(lease)
    lease.ended()
  }

  function drop(lease: Lease): void {
    if (!leases.delete(lease.number) || leases.size > 0) return
    upkeep?.end()
    upkeep = undefined
  }

  function free(lease: Lease): void {
    // If Redis cannot be reached, the lease expires.
    disconnect(route, lease.key, id, lease.number).catch(() => {})
  }

  return {
    async count(user, most, ended) {
      const lease = new Lease(++last, keys.connections(name, user), most, ended)
      leases.set(lease.number, lease)
      try {
        upkeep ??= begin()
        await within('limit', deadlineMs, upkeep.followed)
        lease.admitted = await connect(route, lease.key, id, lease.number, '', most)
      } catch (error) {
        drop(lease)
        if (error instanceof PenknifeError && error.fate === 'unknown') free(lease)
        throw error
      }
      return {
        release() {
          if (!leases.has(lease.number)) return
          drop(lease)
          free(lease)
        },
      }
    },
  }
}
