const FIRST_MS = 1000
const LONGEST_MS = 30_000

/** A random time that grows with each attempt, so that clients of a server that restarts do not come back all at once. */
export function delayMs(attempt: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random())
}
