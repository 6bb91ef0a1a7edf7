import type { Definition } from './definition.ts'
import type { Occurrences } from './timing.ts'

/** What becomes of a due occurrence. */
export interface Step {
  readonly atMs: number
  /** False: it was missed, and is dropped. */
  readonly add: boolean
  readonly nextAtMs: number | undefined
}

/** With `missed: 'skip'` an occurrence that is later than this is dropped. */
export const MISSED_MS = 60_000

/** What becomes of the occurrences that are due from `atMs` on: at most `most` steps, in order. */
export function stepsOf(
  missed: Definition['missed'],
  occurrences: Occurrences,
  atMs: number,
  nowMs: number,
  most: number,
): readonly Step[] {
  if (missed === 'once') return [{ atMs, add: true, nextAtMs: occurrences.after(Math.max(atMs, nowMs)) }]
  const steps: Step[] = []
  for (let at: number | undefined = atMs; at !== undefined && at <= nowMs && steps.length < most;) {
    const add: boolean = missed === 'all' || nowMs - at <= MISSED_MS
    const next: number | undefined = occurrences.after(add ? at : nowMs - MISSED_MS - 1)
    steps.push({ atMs: at, add, nextAtMs: next })
    at = next
  }
  return steps
}
