import { invalid } from '@penknife/core/internal'

import type { Report } from './warn.ts'

/** The result of an application's callback: a value, or a promise of one. */
export type Answered<T> = T | Promise<T>

/**
 * Whether a callback returned `true`. Any other value than `true` and `false` counts as false and is reported, so that a
 * protection stays on.
 */
export function isYes(callback: string, answer: unknown, report: Report): boolean {
  if (answer === true || answer === false) return answer
  report(invalid(`the answer of ${callback}`, answer, 'return true or false; it counts as false'))
  return false
}

/**
 * Calls a callback after the request, when no caller can get its error: an error is reported and counts as false.
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

/** Calls a callback whose result nobody needs. Its error or rejection is reported. */
export async function runAsync(run: () => unknown, report: Report): Promise<void> {
  try {
    await run()
  } catch (error) {
    report(error)
  }
}
