import { setTimeout as delay } from 'node:timers/promises'

/** Waits for a condition by polling. Fails if it is not true in time. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs: number = 30_000,
): Promise<void> {
  const start = performance.now()
  while (!(await holds())) {
    const waited = performance.now() - start
    if (waited > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`)
    // Every 5 ms at first. A long wait is polled less often, because polling takes a tenth of a core from other tests.
    await delay(Math.min(25, 5 + waited / 20))
  }
}

/** Resolves in a later tick, when the calls of this tick were sent. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
}

/** Long forms of the heavy tests: PENKNIFE_LONG=1. */
export const LONG: boolean = process.env['PENKNIFE_LONG'] === '1'

/** Set by vitest.quick.config.ts. */
export const QUICK: boolean = process.env['PENKNIFE_QUICK'] === '1'

/**
 * The cases of a property: the same few in every run, a third of them in the quick tests, or with PENKNIFE_LONG=1 many that are new.
 */
export function cases(few: number, many: number): { readonly numRuns: number; readonly seed?: number } {
  return LONG ? { numRuns: many } : { numRuns: QUICK ? Math.ceil(few / 3) : few, seed: 20_261_123 }
}
