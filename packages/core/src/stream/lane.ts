import { setTimeout as delay } from 'node:timers/promises'

import { isOutage } from '../errors.ts'
import { cut, errorText } from '../text.ts'
import type { Held } from './delivery.ts'
import type { DeathKind, ReturnReason } from './types.ts'

/** Where an entry goes that its delivery did not finish. */
export type Move =
  | { readonly to: 'later'; readonly delayMs: number }
  | { readonly to: 'at'; readonly dueMs: number }
  | { readonly to: 'ready'; readonly used: number; readonly why: ReturnReason }
  | { readonly to: 'dead'; readonly why: DeathKind; readonly error: unknown }

export interface Outcome {
  readonly held: Held
  /** Undefined: it is finished. */
  readonly move: Move | undefined
}

export interface LaneOptions {
  /** Sends a batch under its number; answers the positions whose lease was lost. */
  readonly settle: (number: number, finished: string, moves: string) => Promise<string>
  readonly told: (outcome: Outcome) => void
  readonly lost: (held: Held) => void
  /** Its outcome does not reach Redis: the lease runs out, and the entry is handled again. */
  readonly abandoned: (held: Held) => void
  readonly trouble: (error: unknown) => void
}

/** The way of outcomes to Redis. */
export interface Lane {
  tell(held: Held, move?: Move): void
  /** Outcomes that Redis does not have yet. */
  readonly waiting: number
  /** Resolves when all are told; once `hurried`, it gives up at the first failure. */
  drained(): Promise<void>
  hurry(): void
}

/** What one call of lua/stream/settle.lua takes. */
const MOST_FINISHED = 256
const MOST_MOVES = 64
/** Characters of payload that it moves, so that it does not hold up Redis; one entry always goes. */
const MOST_MOVED = 1 << 20
const LONGEST_REASON = 1000
/** Before a batch that did not reach Redis is sent again. */
const RETRY_MS = 200

/**
 * Tells Redis how deliveries ended, one batch at a time, each with what gathered while the one before was under way.
 *
 * A batch that met an outage is sent again under its number until Redis answers: the fence makes that harmless, and the
 * worker's mark in Redis tells "carried out already" from "lost". A batch that Redis refuses (a key of another
 * type) is sent outcome by outcome; one refused alone is left to its lease.
 */
export function createLane({ settle, told, lost, abandoned, trouble }: LaneOptions): Lane {
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
        await send(batch)
      } catch (error) {
        // A fault of one batch must end neither this loop nor a close that waits for it.
        trouble(error)
        giveUp(batch)
      }
      sending = 0
    }
    busy = false
    idle?.()
  }

  /** The next batch, ascending by position as the script wants it. */
  function take(): Outcome[] {
    let moves = 0
    let moved = 0
    let end = 0
    for (; end < waiting.length && end < MOST_FINISHED; end++) {
      const { held, move } = waiting[end] as Outcome
      if (!move) continue
      moved += held.json?.length ?? 0
      if (++moves > 1 && (moves > MOST_MOVES || moved > MOST_MOVED)) break
    }
    const batch = end === waiting.length ? waiting : waiting.slice(0, end)
    waiting = end === waiting.length ? [] : waiting.slice(end)
    return ascending(batch) ? batch : batch.toSorted((a, b) => a.held.order - b.held.order)
  }

  async function send(batch: readonly Outcome[]): Promise<void> {
    const mine = ++number
    const [finished, moves] = write(batch)
    for (;;) {
      try {
        const answer = await settle(mine, finished, moves)
        conclude(batch, answer)
        return
      } catch (error) {
        trouble(error)
        if (!isOutage(error)) return await apart(batch)
        if (hurried) return giveUp(batch)
      }
      await delay(RETRY_MS)
    }
  }

  async function apart(batch: readonly Outcome[]): Promise<void> {
    if (batch.length === 1 || hurried) return giveUp(batch)
    for (const outcome of batch) await send([outcome])
  }

  function giveUp(batch: readonly Outcome[]): void {
    for (const { held } of batch) abandoned(held)
  }

  function conclude(batch: readonly Outcome[], answer: string): void {
    const gone = answer === '' ? undefined : new Set(answer.split(' '))
    for (const outcome of batch) {
      const { held } = outcome
      if (gone?.has(held.ready ? `r${held.position}` : held.position)) lost(held)
      else told(outcome)
    }
  }

  return {
    tell(held, move) {
      held.stage = 'ending'
      waiting.push({ held, move })
      if (busy) return
      busy = true
      // With everything else that ends in this turn.
      setImmediate(() => void run())
    },
    get waiting() {
      return waiting.length + sending
    },
    async drained() {
      if (busy) await new Promise<void>((resolve) => (idle = resolve))
    },
    hurry: () => void (hurried = true),
  }
}

/** As handlers that take equally long leave them. */
function ascending(batch: readonly Outcome[]): boolean {
  for (let at = 1; at < batch.length; at++) {
    if ((batch[at] as Outcome).held.order < (batch[at - 1] as Outcome).held.order) return false
  }
  return true
}

/** The two texts of lua/stream/settle.lua. */
function write(batch: readonly Outcome[]): [finished: string, moves: string] {
  let ofStream = ''
  let ofReady = ''
  const moves: unknown[] = []
  for (const { held, move } of batch) {
    if (move) moves.push(writeMove(held, move))
    else if (held.ready) ofReady += `,"${held.position}"`
    else ofStream += `,"${held.position}"`
  }
  return [`[[${ofStream.slice(1)}],[${ofReady.slice(1)}]]`, moves.length === 0 ? '[]' : JSON.stringify(moves)]
}

function writeMove({ ready, position, attempt, fence }: Held, move: Move): readonly unknown[] {
  const from = [ready ? 'r' : 'm', position, move.to]
  if (move.to === 'later') return [...from, attempt, fence, move.delayMs, '', '']
  if (move.to === 'at') return [...from, attempt - 1, fence, move.dueMs, '', '']
  if (move.to === 'ready') return [...from, move.used, fence, 0, '', '']
  // A batch handler's error may stand for all its entries; an attempt was used only if a handler ran.
  const used = move.why === 'invalid' ? attempt - 1 : attempt
  return [...from, used, fence, 0, move.why, cut(errorText(move.error), LONGEST_REASON)]
}
