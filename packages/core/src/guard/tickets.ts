import { randomBytes } from 'node:crypto'

import { isOutage, PenknifeError } from '../errors.ts'
import { badReply } from '../redis/failures.ts'
import type { Runtime } from '../redis/penknife.ts'
import { createWakeup, type Wakeup } from './wakeup.ts'

/** How one waits for something that has a queue in Redis. */
export interface Queued {
  /** What is waited for: of the waiters of one place in this process only the first asks by timer. */
  readonly place: string
  /** What the ticket says behind its number. */
  readonly suffix?: string
  /** The fence, or "milliseconds order": ask again after that time. `order` is "-", "+" or the ticket's. */
  ask(ticket: string, order: string): Promise<number | string>
  /** Takes the ticket back, and what the ticket was given. */
  leave(ticket: string): Promise<unknown>
}

/** What was got, and when the call that got it was sent (performance.now()). */
export interface Granted {
  readonly ticket: string
  readonly fence: number
  readonly sentAt: number
}

export interface Waiting {
  readonly waitMs: number
  readonly signal: AbortSignal | undefined
}

/** Tickets of this process in queues of Redis. */
export interface Tickets {
  /** What pub/sub channels of processes begin with. */
  readonly channel: string
  /** Takes a place in a queue until it is its turn; undefined when that does not come in time. */
  take(queued: Queued, waiting: Waiting): Promise<Granted | undefined>
}

/** How long an offer lasts: a process that stands still holds up the others for so long. */
export const CLAIM_MS = 500
/** Behind a moment at which Redis is to have ended something. */
const BEHIND_MS = 3
/** Before a call that failed because Redis is away is made again. */
const AGAIN_MS = 500
/** For how long the channel of the process is followed when nobody waits. */
const LINGER_MS = 10_000

class Waiter {
  readonly number: number
  readonly ticket: string
  readonly wakeup: Wakeup
  order = '+'
  /** It was told to ask. */
  told = false
  /** When to ask if nothing is heard; only for the first of a place. */
  askAt = Infinity
  /** When to ask because the first in the queue may have died. */
  secondAt = Infinity
  failure: PenknifeError | undefined

  constructor(number: number, ticket: string, signal: AbortSignal | undefined) {
    this.number = number
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

  /** Follows the channel of this process: an offer to a process that nobody could tell goes to the next. */
  function appear(): void {
    clearTimeout(lingering)
    forget ??= onCloseWaiting(closeAll)
    ignoreMoves ??= movedTime.on(askAll)
    unfollow ??= subscriber.follow(keys.route, channel + id, {
      message(text) {
        const waiter = waiters.get(Number(text.slice(1)))
        if (!waiter) return
        if (text.startsWith('o')) waiter.told = true
        else waiter.secondAt = performance.now() + CLAIM_MS + BEHIND_MS
        waiter.wakeup.wake()
      },
      // What was told before was missed, and tickets may have been taken out: ask.
      followed() {
        followed = true
        for (const waiter of waiters.values()) {
          waiter.told = true
          waiter.wakeup.wake()
        }
      },
      interrupted: () => (followed = false),
    })
  }

  function disappear(): void {
    if (waiters.size > 0) return
    forget?.()
    forget = undefined
    ignoreMoves?.()
    ignoreMoves = undefined
    clearTimeout(lingering)
    lingering = setTimeout(() => {
      unfollow?.()
      unfollow = undefined
      followed = false
    }, LINGER_MS).unref()
  }

  /** What is waited for may have ended. */
  function askAll(): void {
    for (const waiter of waiters.values()) {
      waiter.askAt = 0
      waiter.wakeup.wake()
    }
  }

  async function closeAll(): Promise<void> {
    closed = true
    for (const waiter of waiters.values()) waiter.wakeup.wake()
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
    // The next one is the first now, and looks when to ask.
    else for (const next of here ?? []) return next.wakeup.wake()
    disappear()
  }

  /** Asks once: the fence, or undefined when it is not its turn. */
  async function askAs({ ask }: Queued, waiter: Waiter): Promise<number | undefined> {
    // A ticket of a process that cannot be told would be taken out again: it tries without one.
    const order = waiter.order === '+' && !followed ? '-' : waiter.order
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
    waiter.told = followed
    for (;;) {
      signal?.throwIfAborted()
      if (closed) throw new PenknifeError('PENKNIFE_CLOSED', `${title}: penknife was closed`)
      const now = performance.now()
      if (now >= until) {
        if (waiter.failure) throw waiter.failure
        return undefined
      }
      const [first] = here
      const askAt = first === waiter ? waiter.askAt : Infinity
      if (!waiter.told && now < askAt && now < waiter.secondAt) {
        await waiter.wakeup.wait(Math.min(until, askAt, waiter.secondAt) - now)
        continue
      }
      waiter.told = false
      waiter.secondAt = Infinity
      try {
        const fence = await askAs(queued, waiter)
        waiter.failure = undefined
        if (fence !== undefined) return { ticket: waiter.ticket, fence, sentAt: now }
      } catch (error) {
        if (!isOutage(error)) throw error
        waiter.failure = error as PenknifeError
        waiter.secondAt = performance.now() + AGAIN_MS
      }
    }
  }

  async function takePlace(queued: Queued, waiter: Waiter, waiting: Waiting): Promise<Granted | undefined> {
    let done = false
    try {
      const granted = await wait(queued, waiter, waiting)
      waiting.signal?.throwIfAborted()
      done = granted !== undefined
      return granted
    } finally {
      exit(queued.place, waiter)
      if (!done) giveUp(queued, waiter.ticket)
    }
  }

  return {
    channel,
    take(queued, waiting) {
      last += 1
      const number = last
      const ticket = `${id}:${number}${queued.suffix ?? ''}`
      // Who may wait and can be told takes a place at once.
      if (waiting.waitMs > 0 && followed)
        return takePlace(queued, new Waiter(number, ticket, waiting.signal), waiting)
      const sentAt = performance.now()
      return queued.ask(ticket, '-').then(
        (reply) => {
          if (typeof reply !== 'number') {
            if (waiting.waitMs === 0) return undefined
            const waiter = new Waiter(number, ticket, waiting.signal)
            note(waiter, reply, '-')
            return takePlace(queued, waiter, waiting)
          }
          if (waiting.signal?.aborted) {
            giveUp(queued, ticket)
            throw waiting.signal.reason
          }
          return { ticket, fence: reply, sentAt }
        },
        (error: unknown) => {
          giveUp(queued, ticket)
          throw error
        },
      )
    },
  }
}

/** Gives back what a ticket may have got without knowing. If that fails, an offer or a lease ends by itself. */
function giveUp(queued: Queued, ticket: string): void {
  queued.leave(ticket).catch(() => {})
}
