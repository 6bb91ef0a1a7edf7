import { randomBytes } from 'node:crypto'

import { reportFault } from '../callbacks.ts'
import { isOutage, PenknifeError } from '../errors.ts'
import type { Runtime } from '../redis/penknife.ts'
import { notifierHold, notifierRelease } from '../redis/scripts.gen.ts'
import { within } from './limits.ts'

/** A connection that counts among those of its user. */
export interface Hold {
  /** It counts no longer. */
  release(): void
}

/** The connections of this process that count among those of their users, over all processes of a notifier. */
export interface Holds {
  /** Counts one more; beyond `most` of its user the oldest are closed. `closed` tells that it is this one's turn. */
  take(user: string, most: number, closed: () => void): Promise<Hold>
}

/** How long a connection counts after its process was last heard of. */
const LEASE_MS = 60_000
/** Leases are renewed every third of their time, a tenth of them at a time. */
const SLICES = 10
const TURN_MS = LEASE_MS / 3 / SLICES

class Held {
  readonly number: number
  readonly key: string
  readonly most: number
  readonly closed: () => void
  /** When it was admitted, as Redis told. */
  admitted = ''
  /** A renewal is on its way. */
  renewing = false

  constructor(number: number, key: string, most: number, closed: () => void) {
    this.number = number
    this.key = key
    this.most = most
    this.closed = closed
  }
}

export function createHolds(name: string, { keys, bind, subscriber, deadlineMs, onClose }: Runtime): Holds {
  const { route } = keys
  const id = randomBytes(12).toString('base64url')
  const channel = keys.processes(name)
  const hold = bind(notifierHold, [LEASE_MS, channel])
  const release = bind(notifierRelease, [])
  const held = new Map<number, Held>()
  let last = 0
  let turn = 0
  let presence: Presence | undefined
  let warned = false

  /** What goes on while something is held: told of what has to go, and renewing the rest. */
  interface Presence {
    readonly followed: Promise<void>
    end(): void
  }

  function appear(): Presence {
    let ready: () => void
    const followed = new Promise<void>((resolve) => (ready = resolve))
    const unfollow = subscriber.follow(route, channel + id, {
      message: (number) => lose(Number(number)),
      followed: () => ready(),
    })
    const renewals = setInterval(renewSome, TURN_MS).unref()
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

  function renewSome(): void {
    turn = (turn + 1) % SLICES
    for (const one of held.values()) if (one.number % SLICES === turn) renew(one)
  }

  function renew(one: Held): void {
    // Not admitted yet, or Redis is slow: it will be another turn's.
    if (one.admitted === '' || one.renewing) return
    one.renewing = true
    hold(route, one.key, id, one.number, one.admitted, one.most)
      .then(
        (admitted) => {
          if (admitted === '') lose(one.number)
          // Left while it was on its way.
          else if (!held.has(one.number)) free(one)
        },
        (error: unknown) => {
          // Connections stay while Redis is away, and are put back after it.
          if (isOutage(error) || warned) return
          warned = true
          reportFault('a connection of a user cannot be renewed', error)
        },
      )
      .finally(() => (one.renewing = false))
  }

  function lose(number: number): void {
    const one = held.get(number)
    if (!one) return
    drop(one)
    one.closed()
  }

  function drop(one: Held): void {
    if (!held.delete(one.number) || held.size > 0) return
    presence?.end()
    presence = undefined
  }

  function free(one: Held): void {
    // What cannot be told ends with its lease.
    release(route, one.key, id, one.number).catch(() => {})
  }

  return {
    async take(user, most, closed) {
      const one = new Held(++last, keys.held(name, user), most, closed)
      held.set(one.number, one)
      try {
        presence ??= appear()
        await within('limit', deadlineMs, presence.followed)
        one.admitted = await hold(route, one.key, id, one.number, '', most)
      } catch (error) {
        drop(one)
        if (error instanceof PenknifeError && error.fate === 'unknown') free(one)
        throw error
      }
      return {
        release() {
          if (!held.has(one.number)) return
          drop(one)
          free(one)
        },
      }
    },
  }
}
