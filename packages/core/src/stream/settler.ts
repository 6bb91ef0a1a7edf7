import { setTimeout as delay } from 'node:timers/promises'

import { detached } from '../detached.ts'
import { isOutage } from '../errors.ts'
import { decodeLost, encodeOutcomes, type Outcome } from './settlement.ts'
import type { LeasedEntry } from './leased-entry.ts'

export interface SettlerOptions {
  /** Sends a batch under its number; resolves with the positions whose lease is lost. */
  readonly send: (number: number, finished: string, moves: string) => Promise<string>
  /** With order by key: how many entries of a key the worker wants at once. */
  readonly run?: (() => number) | undefined
  readonly settled: (outcome: Outcome) => void
  readonly lost: (entry: LeasedEntry) => void
  /** Called when an outcome cannot be sent to Redis: the lease ends, and the entry is handled again. */
  readonly abandoned: (entry: LeasedEntry) => void
  readonly trouble: (error: unknown) => void
}

/** Sends outcomes to Redis. */
export interface Settler {
  settle(outcome: Outcome): void
  /** Outcomes that Redis does not have yet. */
  readonly pending: number
  /** Resolves when Redis has all outcomes, or the rest was given up. */
  drained(): Promise<void>
  /** From now on a batch is given up at its first failure. */
  hurry(): void
}

/** Limits of one call of lua/stream/settle.lua. */
const MOST_FINISHED = 256
/** The same with order by key, where each of them may pass its place on. Entries of a run count as one. */
const MOST_PLACES = 128
/** Most entries of a call with order by key. */
const MOST_FINISHED_KEYED = 1024
const MOST_MOVES = 64
/** Most characters of payload that a call moves, so that it does not block Redis. One entry always fits. */
const MOST_MOVED = 1 << 20
/** Wait before a batch that did not reach Redis is sent again. */
const RETRY_MS = 200

/**
 * Sends outcomes one batch at a time. A batch has all outcomes that were added while the batch before was being sent.
 *
 * After an outage a batch is sent again under its number until Redis replies. The fence makes that safe, and the number that Redis
 * stores tells "already done" from "lost". A batch that Redis refuses (a key of another type) is sent outcome by outcome. An outcome
 * that is refused alone is given up: the lease of its entry ends.
 */
export function createSettler({
  send,
  run: runLength,
  settled,
  lost,
  abandoned,
  trouble,
}: SettlerOptions): Settler {
  const mostFinished = runLength ? MOST_FINISHED_KEYED : MOST_FINISHED
  let waiting: Outcome[] = []
  let sending = 0
  let number = 0
  let busy = false
  let hurried = false
  let idle: (() => void) | undefined

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const batch = take()
      sending = batch.length
      try {
        await sendBatch(batch)
      } catch (error) {
        // An error in one batch must not end this loop or block a close that waits for it.
        trouble(error)
        giveUp(batch)
      }
      sending = 0
    }
    busy = false
    idle?.()
  }

  /** The next batch, in ascending order of positions, as the script requires. */
  function take(): Outcome[] {
    let moves = 0
    let moved = 0
    let places = 0
    let end = 0
    for (; end < waiting.length && end < mostFinished; end++) {
      const { entry, move } = waiting[end] as Outcome
      if (runLength && entry.keyed?.before === undefined && ++places > MOST_PLACES) break
      if (!move) continue
      moved += (entry.json?.length ?? 0) + (move.to === 'done' ? move.outcome.length : 0)
      if (++moves > 1 && (moves > MOST_MOVES || moved > MOST_MOVED)) break
    }
    const batch = end === waiting.length ? waiting : waiting.slice(0, end)
    waiting = end === waiting.length ? [] : waiting.slice(end)
    return isAscending(batch) ? batch : batch.toSorted((a, b) => a.entry.order - b.entry.order)
  }

  async function sendBatch(batch: readonly Outcome[]): Promise<void> {
    const mine = ++number
    const [finished, moves] = encodeOutcomes(batch, runLength?.())
    for (;;) {
      try {
        conclude(batch, await send(mine, finished, moves))
        return
      } catch (error) {
        trouble(error)
        if (!isOutage(error)) return await sendApart(batch)
        if (hurried) return giveUp(batch)
      }
      await delay(RETRY_MS)
    }
  }

  async function sendApart(batch: readonly Outcome[]): Promise<void> {
    if (batch.length === 1 || hurried) return giveUp(batch)
    for (const outcome of batch) await sendBatch([outcome])
  }

  function giveUp(batch: readonly Outcome[]): void {
    for (const { entry } of batch) abandoned(entry)
  }

  function conclude(batch: readonly Outcome[], answer: string): void {
    const isLost = decodeLost(answer)
    for (const outcome of batch) {
      if (isLost(outcome.entry)) lost(outcome.entry)
      else settled(outcome)
    }
  }

  return {
    settle(outcome) {
      waiting.push(outcome)
      if (busy) return
      busy = true
      // Later in this tick, so that outcomes of the same tick are in the same batch. The loop may go on long after the handler that begins it.
      detached(() => setImmediate(() => void run()))
    },
    get pending() {
      return waiting.length + sending
    },
    async drained() {
      if (busy) await new Promise<void>((resolve) => (idle = resolve))
    },
    hurry: () => void (hurried = true),
  }
}

/** Whether the batch is sorted already, as with handlers that take equally long. */
function isAscending(batch: readonly Outcome[]): boolean {
  for (let at = 1; at < batch.length; at++) {
    if ((batch[at] as Outcome).entry.order < (batch[at - 1] as Outcome).entry.order) return false
  }
  return true
}
