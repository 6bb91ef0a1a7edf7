import { randomBytes } from 'node:crypto'

import { isOutage, PenknifeError } from '../errors.ts'
import { badReply } from '../redis/failures.ts'
import type { Runtime } from '../redis/penknife.ts'
import { createWakeup, type Wakeup } from './wakeup.ts'

/** A way to wait for something that has a queue in Redis. */
export interface Queued {
  /** Names the queue: of its waiters in this process only the first asks by timer. */
  readonly place: string
  /** The end of the ticket, behind its number. */
  readonly suffix?: string
  /** Resolves with the fence, or with "milliseconds order": ask again after that time. `order` is "-", "+" or the ticket's. */
  ask(ticket: string, order: string): Promise<number | string>
  /** Removes the ticket, and releases what it was granted. */
  leave(ticket: string): Promise<unknown>
}

/** A granted ticket; `sentAt` is the performance.now() before the call was sent. */
export interface Granted {
  readonly ticket: string
  readonly fence: number
  readonly sentAt: number
}

export interface Waiting {
  readonly waitMs: number
  readonly signal: AbortSignal | undefined
}

/** The tickets of this process in queues of Redis. */
export interface Tickets {
  /** The beginning of the pub/sub channels of processes. */
  readonly channel: string
  /** A new ticket, for a call that tries by itself first. */
  newTicket(): string
  /** A call that tries by itself was sent: a close waits for its answer. */
  asked(): void
  /** Its answer is here, and what it must not keep was given up. */
  answered(): void
  /** The error of a call that gets its answer while penknife is being closed: it must give up what it was granted. */
  readonly closed: PenknifeError | undefined
  /** Whether this process can be notified, so that a waiting caller takes a place at once. */
  readonly followed: boolean
  /**
   * Takes a place in a queue until it is its turn; undefined when that does not come in time. `tried`: a ticket that was refused, and the
   * script's reply.
   */
  take(
    queued: Queued,
    waiting: Waiting,
    tried?: { readonly ticket: string; readonly reply: string },
  ): Promise<Granted | undefined>
}

/** How long an offer lasts: a paused process delays the others for so long. */
export const CLAIM_MS = 500
/** Added to a time after which something has ended in Redis. */
const BEHIND_MS = 3
/** The pause before a call that failed because Redis is away is made again. */
const AGAIN_MS = 500
/** How long the channel of the process is followed when nobody waits. */
const LINGER_MS = 10_000

class Waiter {
  readonly number: number
  readonly ticket: string
  readonly wakeup: Wakeup
  order = '+'
  /** It was notified, and asks next. */
  notified = false
  /** When to ask without a message; only for the first of a place. */
  askAt = Infinity
  /** When to ask because the first in the queue may have died. */
  secondAt = Infinity
  failure: PenknifeError | undefined

  constructor(ticket: string, signal: AbortSignal | undefined) {
    this.number = Number(ticket.split(':')[1])
    this.ticket = ticket
    this.wakeup = createWakeup(signal)
  }
}

export function createTickets(runtime: Runtime, kind: string, name: string, title: string): Tickets {
  const { keys, subscriber, onCloseWaiting, movedTime } = runtime
  const id = randomBytes(9).toString('base64url')
  const channel = keys.guardLive(`${kind}-process`, name, '')
  const waiters = new Map<number, Waiter>()
  const places = new Map<string, Set<Waiter>>()
  let last = 0
  let closed = false
  let followed = false
  let unfollow: (() => void) | undefined
  let forget: (() => void) | undefined
  let ignoreMoves: (() => void) | undefined
  let lingering: NodeJS.Timeout | undefined
  let allLeft: (() => void) | undefined
  /** Calls that try by themselves and have no answer yet. */
  let questions = 0
  let idle: NodeJS.Timeout | undefined

  /** Follows the channel of this process: without a follower, its offers go to the next process. */
  function appear(): void {
    clearTimeout(lingering)
    forget ??= onCloseWaiting(closeAll)
    ignoreMoves ??= movedTime.on(askAll)
    unfollow ??= subscriber.follow(keys.route, channel + id, {
      message(text) {
        const waiter = waiters.get(Number(text.slice(1)))
        if (!waiter) return
        if (text.startsWith('o')) waiter.notified = true
        else waiter.secondAt = performance.now() + CLAIM_MS + BEHIND_MS
        waiter.wakeup.wake()
      },
      // Earlier messages were missed, and tickets may have been removed: ask.
      followed() {
        followed = true
        for (const waiter of waiters.values()) {
          waiter.notified = true
          waiter.wakeup.wake()
        }
      },
      interrupted: () => (followed = false),
    })
  }

  function disappear(): void {
    if (waiters.size > 0) return
    left()
    ignoreMoves?.()
    ignoreMoves = undefined
    clearTimeout(lingering)
    lingering = setTimeout(() => {
      unfollow?.()
      unfollow = undefined
      followed = false
    }, LINGER_MS).unref()
  }

  /** Nobody waits, or the last answer is here. */
  function left(): void {
    if (waiters.size > 0 || questions > 0) return
    allLeft?.()
    // Some time later, so that a call after the other does not register again.
    idle ??= setTimeout(forgetIdle, LINGER_MS).unref()
  }

  function forgetIdle(): void {
    idle = undefined
    if (waiters.size > 0 || questions > 0) return
    forget?.()
    forget = undefined
  }

  function asked(): void {
    questions += 1
    forget ??= onCloseWaiting(closeAll)
  }

  function answered(): void {
    questions -= 1
    left()
  }

  /** Leases may have ended: Redis' time was moved. */
  function askAll(): void {
    for (const waiter of waiters.values()) {
      waiter.askAt = 0
      waiter.wakeup.wake()
    }
  }

  /** Resolves when all have left their queues, also those whose question is on its way. */
  async function closeAll(): Promise<void> {
    closed = true
    for (const waiter of waiters.values()) waiter.wakeup.wake()
    if (waiters.size > 0 || questions > 0) await new Promise<void>((resolve) => (allLeft = resolve))
  }

  function closedError(): PenknifeError | undefined {
    return closed ? new PenknifeError('PENKNIFE_CLOSED', `${title}: penknife was closed`) : undefined
  }

  function throwIfClosed(): void {
    const error = closedError()
    if (error) throw error
  }

  function enter(place: string, waiter: Waiter): Set<Waiter> {
    waiters.set(waiter.number, waiter)
    let here = places.get(place)
    if (!here) places.set(place, (here = new Set()))
    here.add(waiter)
    appear()
    return here
  }

  function exit(place: string, waiter: Waiter): void {
    if (!waiters.delete(waiter.number)) return
    const here = places.get(place)
    here?.delete(waiter)
    if (here?.size === 0) places.delete(place)
    // The next one is the first now: it sets its timer.
    else for (const next of here ?? []) return next.wakeup.wake()
    disappear()
  }

  /** Asks once; resolves with the fence, or undefined when it is not its turn. */
  async function askAs({ ask }: Queued, waiter: Waiter, order: string): Promise<number | undefined> {
    const reply = await ask(waiter.ticket, order)
    if (typeof reply === 'number') return reply
    note(waiter, reply, order)
    return undefined
  }

  /** Notes when to ask again, and the place in the queue. */
  function note(waiter: Waiter, reply: string, order: string): void {
    const [, ms, place] = /^(\d+) (\d+)$/.exec(reply) ?? []
    if (ms === undefined || place === undefined) throw badReply(title, `'${reply}' is no place in a queue`)
    waiter.askAt = performance.now() + Number(ms) + BEHIND_MS
    if (order !== '-') waiter.order = place
  }

  async function wait(
    queued: Queued,
    waiter: Waiter,
    { waitMs, signal }: Waiting,
  ): Promise<Granted | undefined> {
    const until = performance.now() + waitMs
    const here = enter(queued.place, waiter)
    waiter.notified = followed
    for (;;) {
      signal?.throwIfAborted()
      throwIfClosed()
      const now = performance.now()
      if (now >= until) {
        if (waiter.failure) throw waiter.failure
        return undefined
      }
      const [first] = here
      const askAt = first === waiter ? waiter.askAt : Infinity
      if (!waiter.notified && now < askAt && now < waiter.secondAt) {
        await waiter.wakeup.wait(Math.min(until, askAt, waiter.secondAt) - now)
        continue
      }
      waiter.notified = false
      waiter.secondAt = Infinity
      try {
        // A ticket of a process that cannot be notified would be removed again: it tries without one.
        const order = waiter.order === '+' && !followed ? '-' : waiter.order
        const fence = await askAs(queued, waiter, order)
        waiter.failure = undefined
        if (fence !== undefined) return { ticket: waiter.ticket, fence, sentAt: now }
      } catch (error) {
        if (!isOutage(error)) throw error
        waiter.failure = error as PenknifeError
        waiter.secondAt = performance.now() + AGAIN_MS
      }
    }
  }

  function newTicket(): string {
    last += 1
    return `${id}:${last}`
  }

  async function tryAlone(queued: Queued, waiter: Waiter, { signal }: Waiting): Promise<Granted | undefined> {
    const { ticket } = waiter
    const sentAt = performance.now()
    let done = false
    asked()
    try {
      const fence = await askAs(queued, waiter, '-')
      if (fence !== undefined) {
        signal?.throwIfAborted()
        throwIfClosed()
      }
      done = true
      return fence === undefined ? undefined : { ticket, fence, sentAt }
    } finally {
      // First, so that the call is on its way when a close goes on.
      if (!done) giveUp(queued, ticket)
      answered()
    }
  }

  async function takePlace(queued: Queued, waiter: Waiter, waiting: Waiting): Promise<Granted | undefined> {
    let done = false
    try {
      const granted = await wait(queued, waiter, waiting)
      waiting.signal?.throwIfAborted()
      throwIfClosed()
      done = granted !== undefined
      return granted
    } finally {
      // First, so that the call is on its way when the last waiter is gone.
      if (!done) giveUp(queued, waiter.ticket)
      exit(queued.place, waiter)
    }
  }

  return {
    channel,
    newTicket,
    asked,
    answered,
    get closed() {
      return closedError()
    },
    get followed() {
      return followed
    },
    async take(queued, waiting, tried) {
      const ticket = tried?.ticket ?? newTicket() + (queued.suffix ?? '')
      const waiter = new Waiter(ticket, waiting.signal)
      if (tried) note(waiter, tried.reply, '-')
      else if (waiting.waitMs === 0 || !followed) {
        const granted = await tryAlone(queued, waiter, waiting)
        if (granted) return granted
        if (waiting.waitMs === 0) return undefined
      }
      return takePlace(queued, waiter, waiting)
    },
  }
}

/** Releases what a ticket may have been granted in a call without an answer. If that fails, it ends by itself. */
export function giveUp(queued: Pick<Queued, 'leave'>, ticket: string): void {
  queued.leave(ticket).catch(() => {})
}
