import { invalid } from '@penknife/core/internal'

import type { Report } from './warn.ts'

/** What an application's callback may answer with: a value, or a promise of one. */
export type Answered<T> = T | Promise<T>

/**
 * Whether a callback decided yes. Only `true` and `false` are decisions. Anything else (text, an object, nothing)
 * counts as false and is reported, so that a guard stays on.
 */
export function isYes(callback: string, answer: unknown, report: Report): boolean {
  if (answer === true || answer === false) return answer
  report(invalid(`the answer of ${callback}`, answer, 'return true or false; it counts as false'))
  return false
}

/**
 * Asks a callback that decides about something that is over already, so that nobody can be given its error: when it
 * throws or rejects, that is reported and counts as false.
 */
export async function decides(
  callback: string,
  ask: () => Answered<unknown>,
  report: Report,
): Promise<boolean> {
  try {
    return isYes(callback, await ask(), report)
  } catch (error) {
    report(error)
    return false
  }
}
