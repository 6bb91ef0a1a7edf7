import { cut, errorText } from '../text.ts'
import type { LeasedEntry } from './leased-entry.ts'
import { SOURCES } from './sources.ts'
import type { DeadLetterKind, WorkerReturnReason } from './types.ts'

/** Where an entry goes that its delivery did not finish, as lua/stream/settle.lua names it. */
export type Move =
  | { readonly to: 'later'; readonly delayMs: number }
  | { readonly to: 'at'; readonly dueMs: number }
  | { readonly to: 'ready'; readonly used: number; readonly why: WorkerReturnReason }
  | { readonly to: 'dead'; readonly why: DeadLetterKind; readonly error: unknown }

/** How a delivery ended. */
export interface Outcome {
  readonly entry: LeasedEntry
  /** Undefined: it is finished. */
  readonly move: Move | undefined
}

const LONGEST_REASON = 1000

/** The two texts that lua/stream/settle.lua takes. */
export function encodeOutcomes(batch: readonly Outcome[]): [finished: string, moves: string] {
  const finished = SOURCES.map(() => '')
  const moves: unknown[] = []
  for (const { entry, move } of batch) {
    if (move) moves.push(encodeMove(entry, move))
    else finished[entry.source] += `,"${entry.position}"`
  }
  const lists = finished.map((positions) => `[${positions.slice(1)}]`).join(',')
  return [`[${lists}]`, moves.length === 0 ? '[]' : JSON.stringify(moves)]
}

function encodeMove({ source, position, attempt, fence }: LeasedEntry, move: Move): readonly unknown[] {
  const from = [SOURCES[source]?.code, position, move.to]
  if (move.to === 'later') return [...from, attempt, fence, move.delayMs, '', '']
  if (move.to === 'at') return [...from, attempt - 1, fence, move.dueMs, '', '']
  if (move.to === 'ready') return [...from, move.used, fence, 0, '', '']
  // A batch handler's error may belong to all its entries; an attempt was used only if a handler ran.
  const used = move.why === 'invalid' ? attempt - 1 : attempt
  return [...from, used, fence, 0, move.why, cut(errorText(move.error), LONGEST_REASON)]
}

/** Whether the lease of an entry was lost, by the answer of lua/stream/settle.lua. */
export function decodeLost(answer: string): (entry: LeasedEntry) => boolean {
  if (answer === '') return () => false
  const lost = new Set(answer.split(' '))
  return ({ source, position }) => lost.has(`${SOURCES[source]?.prefix}${position}`)
}
