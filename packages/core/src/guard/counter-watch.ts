import { PenknifeError } from '../errors.ts'
import type { Runtime } from '../redis/penknife.ts'
import type { CounterChange } from './counter-types.ts'
import { createWakeup, type Wakeup } from './wakeup.ts'

/** What waiting callers of one object share: a subscription, and a timer for the next reservation that expires. */
export interface CounterWatch {
  /**
   * Asks until an answer is accepted, or the time is over; resolves with the last answer. Asks again when Redis publishes a change that may
   * let one of the changes through.
   */
  until<Answer>(
    changes: readonly CounterChange[],
    waiting: { readonly waitMs: number; readonly signal: AbortSignal | undefined },
    ask: () => Promise<Answer>,
    refused: (answer: Answer) => boolean,
  ): Promise<Answer>
}

export interface CounterWatchOptions {
  /** The channel of the nudges. */
  readonly channel: string
  readonly title: string
  /** Gives back expired reservations; resolves with the milliseconds until the next one expires, or until a new period begins. */
  readonly expire: () => Promise<number>
  /** Whether the counters are reset by a calendar. */
  readonly resets: boolean
}

/** Reservations that expire within this time are given back together. */
const TOGETHER_MS = 20
/** Between two calls while Redis is away, or while its user may not follow the channel. */
const UNFOLLOWED_MS = 500

interface Waiter {
  /** "+name" of what it wants to take, "-name" of what it wants to add. */
  readonly wanted: ReadonlySet<string>
  readonly wakeup: Wakeup
}

export function createCounterWatch(
  { keys, subscriber, onCloseWaiting, movedTime }: Runtime,
  { channel, title, expire, resets }: CounterWatchOptions,
): CounterWatch {
  const waiters = new Set<Waiter>()
  let ends: (() => void)[] = []
  let followed = false
  let closed = false
  let timer: NodeJS.Timeout | undefined
  /** The performance.now() of the timer. */
  let dueAt = Infinity

  function wakeAll(): void {
    for (const { wakeup } of waiters) wakeup.wake()
  }

  function schedule(ms: number): void {
    const at = performance.now() + ms
    if (at >= dueAt) return
    clearTimeout(timer)
    dueAt = at
    timer = setTimeout(() => void expired(), ms).unref()
  }

  /** Something expired, or a period ended. What the call gives back is published, to this process too. */
  async function expired(): Promise<void> {
    dueAt = Infinity
    let leftMs = UNFOLLOWED_MS
    try {
      leftMs = (await expire()) + TOGETHER_MS
    } catch {
      // Redis is away: the callers' own calls report it.
    }
    if (resets || !followed) wakeAll()
    if (waiters.size > 0) schedule(followed ? leftMs : Math.min(leftMs, UNFOLLOWED_MS))
  }

  function message(text: string): void {
    // "t" and milliseconds: a new reservation expires then.
    if (text.startsWith('t')) schedule(Number(text.slice(1)) + TOGETHER_MS)
    else for (const { wanted, wakeup } of waiters) if (wanted.has(text)) wakeup.wake()
  }

  function begin(): void {
    const follower = {
      message,
      followed: () => {
        followed = true
        // Changes before this moment were missed.
        wakeAll()
        schedule(0)
      },
      interrupted: () => (followed = false),
    }
    ends = [
      subscriber.follow(keys.route, channel, follower),
      onCloseWaiting(async () => {
        closed = true
        wakeAll()
      }),
      movedTime.on(() => {
        wakeAll()
        schedule(0)
      }),
    ]
    schedule(UNFOLLOWED_MS)
  }

  function end(): void {
    clearTimeout(timer)
    dueAt = Infinity
    followed = false
    for (const stop of ends.splice(0)) stop()
  }

  return {
    async until(changes, { waitMs, signal }, ask, refused) {
      signal?.throwIfAborted()
      let answer = await ask()
      if (waitMs === 0 || !refused(answer)) return answer
      const until = performance.now() + waitMs
      const wanted = new Set(changes.map(({ counter, by }) => (by < 0 ? '+' : '-') + counter))
      const waiter: Waiter = { wanted, wakeup: createWakeup(signal) }
      if (waiters.size === 0) begin()
      waiters.add(waiter)
      // One that comes while the channel is followed asks again: a change may have come since it asked.
      if (followed) waiter.wakeup.wake()
      try {
        for (;;) {
          const leftMs = until - performance.now()
          if (leftMs <= 0) return answer
          await waiter.wakeup.wait(leftMs)
          if (closed) throw new PenknifeError('PENKNIFE_CLOSED', `${title}: penknife was closed`)
          if (performance.now() >= until) return answer
          answer = await ask()
          if (!refused(answer)) return answer
        }
      } finally {
        waiters.delete(waiter)
        if (waiters.size === 0) end()
      }
    },
  }
}
