import { causesText, cut } from '../text.ts'
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
  const moves: unknown[] = []
  for (const { entry, move } of batch) if (move) moves.push(encodeMove(entry, move))
  const lists = run === undefined ? encodePositions(batch) : `${encodeKeyed(batch)},${run}`
  return [`[${lists}]`, moves.length === 0 ? '[]' : JSON.stringify(moves)]
}

function encodePositions(batch: readonly Outcome[]): string {
  const finished = SOURCES.map(() => '')
  for (const { entry, move } of batch) if (!move) finished[entry.source] += `,"${entry.position}"`
  return finished.map((positions) => `[${positions.slice(1)}]`).join(',')
}

/** With the places. Entries of a run that follow each other are one position, such as `1700000000000-0/1:3`. */
function encodeKeyed(batch: readonly Outcome[]): string {
  const finished: string[][] = SOURCES.map(() => [])
  const places: string[][] = SOURCES.map(() => [])
  for (let at = 0; at < batch.length; at++) {
    const { entry, move } = batch[at] as Outcome
    if (move) continue
    let last = entry
    for (let next = batch[at + 1]; next && !next.move && follows(last, next.entry); next = batch[at + 1]) {
      last = next.entry
      at += 1
    }
    const end = last === entry ? '' : `:${last.position.slice(last.position.indexOf('/') + 1)}`
    finished[entry.source]?.push(entry.position + end)
    places[entry.source]?.push(entry.keyed?.place ?? '')
  }
  return [...finished, ...places].map((list) => JSON.stringify(list)).join(',')
}

/** Whether an entry is the next one of the run of another. */
function follows({ id, keyed, order }: LeasedEntry, next: LeasedEntry): boolean {
  return next.order === order + 1 && next.keyed?.before === id && next.keyed.place === keyed?.place
}

function encodeMove({ source, position, attempt, fence }: LeasedEntry, move: Move): readonly unknown[] {
  const from = [SOURCES[source]?.code, position, move.to === 'later' ? 'retrying' : move.to]
  if (move.to === 'retrying') return [...from, attempt, fence, move.delayMs, '', '']
  if (move.to === 'later') return [...from, attempt - 1, fence, move.delayMs, '', '']
  if (move.to === 'delayed') return [...from, attempt - 1, fence, move.dueMs, '', '']
  if (move.to === 'done') return [...from, attempt, fence, 0, '', move.outcome]
  if (move.to === 'waiting') return [...from, move.used, fence, 0, '', '']
  // An attempt was used only if a handler ran.
  const used = move.why === 'invalid' || move.why === 'vanished' ? attempt - 1 : attempt
  return [...from, used, fence, 0, move.why, cut(causesText(move.error), LONGEST_REASON)]
}

/** From the reply of lua/stream/settle.lua: whether the lease of an entry was lost. */
export function decodeLost(reply: string): (entry: LeasedEntry) => boolean {
  if (reply === '') return () => false
  const lost = new Set(reply.split(' '))
  return ({ source, position }) => lost.has(`${SOURCES[source]?.prefix}${position}`)
}
