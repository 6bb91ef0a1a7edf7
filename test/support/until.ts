import { setTimeout as delay } from 'node:timers/promises'

/** Waits for a condition by polling. Fails if it is not true in time. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs: number = 10_000,
): Promise<void> {
  const end = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`)
    await delay(5)
  }
}

/** Resolves in a later tick, when the calls of this tick were sent. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
}

/** Long forms of the heavy tests: PENKNIFE_LONG=1. */
export const LONG: boolean = process.env['PENKNIFE_LONG'] === '1'

/** The cases of a property: the same few in every run, or with PENKNIFE_LONG=1 many that are new. */
export function cases(few: number, many: number): { readonly numRuns: number; readonly seed?: number } {
  return LONG ? { numRuns: many } : { numRuns: few, seed: 20_261_123 }
}
