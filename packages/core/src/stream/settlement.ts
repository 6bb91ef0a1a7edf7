import { cut, errorText } from '../text.ts'
import type { DeadLetterKind } from './dead-letter-types.ts'
import type { WorkerReturnReason } from './event-types.ts'
import type { LeasedEntry } from './leased-entry.ts'
import { SOURCES } from './sources.ts'

/** The new state of an entry whose delivery did not finish it, as lua/stream/settle.lua names it. */
export type Move =
  | { readonly to: 'retrying'; readonly delayMs: number }
  /** Given back for some time, without using up an attempt. */
  | { readonly to: 'later'; readonly delayMs: number; readonly why: WorkerReturnReason }
  | { readonly to: 'delayed'; readonly dueMs: number }
  | { readonly to: 'waiting'; readonly used: number; readonly why: WorkerReturnReason }
  /** Finished, and its outcome is kept. */
  | { readonly to: 'done'; readonly outcome: string }
  | { readonly to: 'dead'; readonly why: DeadLetterKind; readonly error: unknown }

/** How a delivery ended. */
export interface Outcome {
  readonly entry: LeasedEntry
  /** Undefined: it is finished. */
  readonly move: Move | undefined
}

const LONGEST_REASON = 1000

/**
 * The two text arguments of lua/stream/settle.lua. With order by key, `run` is how many entries of a key the worker wants at once.
 */
export function encodeOutcomes(batch: readonly Outcome[], run?: number): [finished: string, moves: string] {
  const finished = SOURCES.map(() => '')
  const moves: unknown[] = []
  for (const { entry, move } of batch) {
    if (move) moves.push(encodeMove(entry, move))
    else finished[entry.source] += `,"${entry.position}"`
  }
  let lists = finished.map((positions) => `[${positions.slice(1)}]`).join(',')
  if (run !== undefined) {
    const places: string[][] = SOURCES.map(() => [])
    for (const { entry, move } of batch) if (!move) places[entry.source]?.push(entry.keyed?.place ?? '')
    lists += `,${places.map((names) => JSON.stringify(names)).join(',')},${run}`
  }
  return [`[${lists}]`, moves.length === 0 ? '[]' : JSON.stringify(moves)]
}

function encodeMove({ source, position, attempt, fence }: LeasedEntry, move: Move): readonly unknown[] {
  const from = [SOURCES[source]?.code, position, move.to === 'later' ? 'retrying' : move.to]
  if (move.to === 'retrying') return [...from, attempt, fence, move.delayMs, '', '']
  if (move.to === 'later') return [...from, attempt - 1, fence, move.delayMs, '', '']
  if (move.to === 'delayed') return [...from, attempt - 1, fence, move.dueMs, '', '']
  if (move.to === 'done') return [...from, attempt, fence, 0, '', move.outcome]
  if (move.to === 'waiting') return [...from, move.used, fence, 0, '', '']
  // An attempt was used only if a handler ran.
  const used = move.why === 'invalid' ? attempt - 1 : attempt
  return [...from, used, fence, 0, move.why, cut(errorText(move.error), LONGEST_REASON)]
}

/** From the reply of lua/stream/settle.lua: whether the lease of an entry was lost. */
export function decodeLost(reply: string): (entry: LeasedEntry) => boolean {
  if (reply === '') return () => false
  const lost = new Set(reply.split(' '))
  return ({ source, position }) => lost.has(`${SOURCES[source]?.prefix}${position}`)
}
