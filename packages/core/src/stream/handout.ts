import type { Held } from './delivery.ts'
import type { Leases } from './leases.ts'
import type { Pace } from './pace.ts'
import { createQueue } from './queue.ts'
import type { ReturnReason } from './types.ts'

export interface HandoutOptions {
  /** Calls of the handler at once. */
  readonly concurrency: number
  /** Entries to a call at the most. */
  readonly batch: number
  readonly pace: Pace
  readonly leases: Pick<Leases, 'overdue' | 'refresh'>
  /** False while the group is paused or the worker closes. */
  readonly open: () => boolean
  /** Calls the handler. */
  readonly run: (some: readonly Held[]) => void
  readonly giveBack: (held: Held, why: ReturnReason) => void
}

/** The way of entries from their arrival to the handlers. */
export interface Handout {
  /** Entries that wait for a handler. */
  readonly waiting: number
  /** Entries that handlers have. */
  readonly running: number
  push(held: Held): void
  /** Starts handlers for what waits, as far as there are places. */
  go(): void
  /** A call with so many entries ended: its place is free. */
  ended(entries: number): void
  /** Gives back the newest of what waits, but for so many. */
  shed(keep: number, why: ReturnReason): void
  /** Resolves when no call is under way, or after that time. */
  idle(deadlineMs: number): Promise<void>
  stop(): void
}

/** What waits for longer than this is given back. */
export const LONGEST_WAIT_MS = 250
/** Handlers are started for so long before timers, replies and outcomes have their turn. */
const SLICE_MS = 5

/**
 * Hands entries to handlers, so that the heartbeat keeps up whatever these compute: after each slice of time the event loop
 * goes round once, and nothing starts while a renewal is overdue. Redis' answer to the renewal decides whether an entry is
 * still this worker's: one that another took over meanwhile never starts.
 */
export function createHandout(options: HandoutOptions): Handout {
  const { concurrency, batch, pace, leases, open, run, giveBack } = options
  const queue = createQueue<Held>()
  let calls = 0
  let running = 0
  let starting = false
  /** When this slice ends; undefined before the first start of a turn of the event loop. */
  let sliceEndsAt: number | undefined
  let late: NodeJS.Timeout | undefined
  let idle: (() => void) | undefined

  function go(): void {
    // A handler that ends at once frees its place while this goes on.
    if (starting || queue.size === 0) return
    starting = true
    let now = performance.now()
    if (sliceEndsAt === undefined) {
      sliceEndsAt = now + SLICE_MS
      setImmediate(turn)
    }
    while (calls < concurrency && queue.size > 0 && now < sliceEndsAt && open()) {
      if (leases.overdue(now)) {
        void leases.refresh()
        break
      }
      start()
      const before = now
      now = performance.now()
      pace.started(now - before)
    }
    starting = false
    if (queue.size > 0) late ??= setTimeout(giveBackLate, LONGEST_WAIT_MS)
  }

  function start(): void {
    const some: Held[] = []
    while (some.length < batch && queue.size > 0) {
      const held = queue.shift() as Held
      if (held.stage === 'waiting') some.push(held)
    }
    if (some.length === 0) return
    calls += 1
    running += some.length
    run(some)
  }

  function turn(): void {
    // After a long slice everything else first: outcomes and renewals are sent, and their answers read.
    if (performance.now() >= (sliceEndsAt as number)) setImmediate(next)
    else next()
  }

  function next(): void {
    sliceEndsAt = undefined
    go()
  }

  /** Behind handlers that suddenly take long an entry must not wait while other workers have room. */
  function giveBackLate(): void {
    late = undefined
    const before = performance.now() - LONGEST_WAIT_MS
    if (queue.size > 0 && (queue.first as Held).arrivedAt < before) {
      pace.stalled()
      shed(0, 'busy')
    } else if (queue.size > 0) late = setTimeout(giveBackLate, LONGEST_WAIT_MS)
  }

  function shed(keep: number, why: ReturnReason): void {
    while (queue.size > keep) {
      const held = queue.pop() as Held
      if (held.stage === 'waiting') giveBack(held, why)
    }
  }

  return {
    get waiting() {
      return queue.size
    },
    get running() {
      return running
    },
    push: (held) => queue.push(held),
    go,
    ended(entries) {
      calls -= 1
      running -= entries
      pace.ended(entries)
      if (calls === 0) idle?.()
      go()
    },
    shed,
    async idle(deadlineMs) {
      if (calls === 0) return
      let timer: NodeJS.Timeout | undefined
      const past = new Promise<void>((resolve) => (timer = setTimeout(resolve, deadlineMs)))
      await Promise.race([new Promise<void>((resolve) => (idle = resolve)), past])
      clearTimeout(timer)
    },
    stop: () => clearTimeout(late),
  }
}
