import type { Held } from './delivery.ts'
import type { Leases } from './leases.ts'
import type { Pace } from './pace.ts'
import { createQueue } from './queue.ts'
import { createSuspects } from './suspects.ts'
import type { ReturnReason } from './types.ts'

export interface HandoutOptions {
  /** Calls of the handler at once. */
  readonly concurrency: number
  /** Entries to a call at the most. */
  readonly batch: number
  readonly maxAttempts: number
  readonly pace: Pace
  readonly leases: Pick<Leases, 'overdue' | 'refresh' | 'mark'>
  /** Why nothing may start now: the group is paused, or the worker closes. */
  readonly stopped: () => ReturnReason | undefined
  /** Calls the handler. */
  readonly run: (some: readonly Held[]) => void
  readonly giveBack: (held: Held, why: ReturnReason) => void
}

/** The way of entries from their arrival to the handlers. */
export interface Handout {
  /** Entries that wait for a handler, but for suspects. */
  readonly waiting: number
  /** Suspects that wait for a handler. */
  readonly suspects: number
  /** Entries that handlers have. */
  readonly running: number
  push(held: Held): void
  /** Starts handlers for what waits, as far as there are places. */
  go(): void
  /** A call with so many entries ended: its place is free. */
  ended(entries: number): void
  /** Gives back the newest of what waits, but for so many, and for so many suspects. */
  shed(keep: number, keepSuspects: number, why: ReturnReason): void
  /** Resolves when no call is under way, or after that time. */
  idle(deadlineMs: number): Promise<void>
  stop(): void
}

/** What waits for longer than this is given back. */
export const LONGEST_WAIT_MS = 250
/** As above, of suspects. */
const LONGEST_SUSPECT_MS = 2000
/** Handlers are started for so long before timers, replies and outcomes have their turn. */
const SLICE_MS = 5

/**
 * Hands entries to handlers, so that the heartbeat keeps up whatever these compute: after each slice of time the event loop
 * goes round once, and nothing starts while a renewal is overdue. Redis' answer to the renewal decides whether an entry is
 * still this worker's: one that another took over meanwhile never starts.
 */
export function createHandout(options: HandoutOptions): Handout {
  const { concurrency, batch, pace, leases, stopped, run, giveBack } = options
  const queue = createQueue<Held>()
  const suspects = createSuspects(options.maxAttempts)
  let calls = 0
  let running = 0
  let starting = false
  /** When this slice ends; undefined before the first start of a turn of the event loop. */
  let sliceEndsAt: number | undefined
  let late: NodeJS.Timeout | undefined
  let suspectDue: NodeJS.Timeout | undefined
  let idle: (() => void) | undefined

  function go(): void {
    // A handler that ends at once frees its place while this goes on.
    if (starting || queue.size + suspects.size === 0) return
    starting = true
    let now = performance.now()
    if (sliceEndsAt === undefined) {
      sliceEndsAt = now + SLICE_MS
      setImmediate(turn)
    }
    if (suspects.size > 0) startSuspects(now)
    while (calls < concurrency && queue.size > 0 && now < sliceEndsAt && !stopped()) {
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
    if (queue.size + suspects.size > 0) late ??= setTimeout(giveBackLate, LONGEST_WAIT_MS)
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

  function startSuspects(now: number): void {
    clearTimeout(suspectDue)
    while (calls < concurrency && suspects.size > 0 && !stopped()) {
      const at = suspects.nextAt()
      if (at > now) {
        suspectDue = setTimeout(go, at - now)
        return
      }
      void startSuspect(suspects.start())
    }
  }

  /** The mark must be in Redis before anything reads the payload: if that kills the process, the mark is all that tells. */
  async function startSuspect(held: Held): Promise<void> {
    if (held.stage !== 'waiting') return
    calls += 1
    running += 1
    const marked = await leases.mark(held)
    const why = stopped()
    if (marked && held.stage === 'waiting' && !why) {
      run([held])
      return
    }
    free(1)
    if (held.stage !== 'waiting') go()
    else if (why) giveBack(held, why)
    // Redis did not answer: with the next renewal that works it goes on.
    else suspects.putBack(held)
  }

  function free(entries: number): void {
    calls -= 1
    running -= entries
    if (calls === 0) idle?.()
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
    const now = performance.now()
    if ((queue.first?.arrivedAt ?? now) < now - LONGEST_WAIT_MS) {
      pace.stalled()
      shed(0, suspects.size, 'busy')
    }
    if ((suspects.oldest ?? now) < now - LONGEST_SUSPECT_MS) shed(queue.size, 0, 'busy')
    if (queue.size + suspects.size > 0) late = setTimeout(giveBackLate, LONGEST_WAIT_MS)
  }

  function shed(keep: number, keepSuspects: number, why: ReturnReason): void {
    while (queue.size > keep) giveBackOne(queue.pop() as Held, why)
    while (suspects.size > keepSuspects) giveBackOne(suspects.pop() as Held, why)
  }

  function giveBackOne(held: Held, why: ReturnReason): void {
    if (held.stage === 'waiting') giveBack(held, why)
  }

  return {
    get waiting() {
      return queue.size
    },
    get suspects() {
      return suspects.size
    },
    get running() {
      return running
    },
    push: (held) => (held.suspect ? suspects : queue).push(held),
    go,
    ended(entries) {
      free(entries)
      pace.ended(entries)
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
    stop() {
      clearTimeout(late)
      clearTimeout(suspectDue)
    },
  }
}
