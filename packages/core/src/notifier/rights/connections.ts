import { randomBytes } from 'node:crypto'

import { reportFault } from '../../callbacks.ts'
import { isOutage, PenknifeError } from '../../errors.ts'
import type { Runtime } from '../../redis/penknife.ts'
import { notifierHold, notifierRelease } from '../../redis/scripts.gen.ts'
import { within } from '../limits.ts'

/** A connection that counts among those of its user. */
export interface CountedConnection {
  /** It counts no longer. */
  release(): void
}

/** The connections of this process that count among those of their users, over all processes of a notifier. */
export interface Connections {
  /** Counts one more. Beyond `most` of its user the oldest end, each by its `ended`. */
  count(user: string, most: number, ended: () => void): Promise<CountedConnection>
}

/** How long a connection counts after its process was last heard of. */
const LEASE_MS = 60_000
/** Leases are renewed every third of their time, a tenth of them at a time. */
const SLICES = 10
const SLICE_MS = LEASE_MS / 3 / SLICES

class Lease {
  readonly number: number
  readonly key: string
  readonly most: number
  readonly ended: () => void
  /** When it was admitted, by the clock of Redis; empty before. */
  admitted = ''
  /** A renewal is on its way. */
  renewing = false

  constructor(number: number, key: string, most: number, ended: () => void) {
    this.number = number
    this.key = key
    this.most = most
    this.ended = ended
  }
}

/** What this process does while it has leases: it follows its own pub/sub channel and renews them. */
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
  const hold = bind(notifierHold, [LEASE_MS, channel])
  const release = bind(notifierRelease, [])
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
    const renewals = setInterval(renewSlice, SLICE_MS).unref()
    const stop = (): void => {
      clearInterval(renewals)
      unfollow()
    }
    const forget = onClose(async () => stop())
    return {
      followed,
      end() {
        forget()
        stop()
      },
    }
  }

  function renewSlice(): void {
    slice = (slice + 1) % SLICES
    for (const lease of leases.values()) if (lease.number % SLICES === slice) renew(lease)
  }

  function renew(lease: Lease): void {
    // Not admitted yet, or Redis is slow: the next round renews it.
    if (lease.admitted === '' || lease.renewing) return
    lease.renewing = true
    hold(route, lease.key, id, lease.number, lease.admitted, lease.most)
      .then(
        (admitted) => {
          if (admitted === '') end(lease.number)
          // Released during the renewal.
          else if (!leases.has(lease.number)) free(lease)
        },
        (error: unknown) => {
          // Connections stay while Redis is away, and are counted again after it.
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
    // Where Redis cannot be reached it ends by its time.
    release(route, lease.key, id, lease.number).catch(() => {})
  }

  return {
    async count(user, most, ended) {
      const lease = new Lease(++last, keys.held(name, user), most, ended)
      leases.set(lease.number, lease)
      try {
        upkeep ??= begin()
        await within('limit', deadlineMs, upkeep.followed)
        lease.admitted = await hold(route, lease.key, id, lease.number, '', most)
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
