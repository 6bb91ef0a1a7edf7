const FIRST_MS = 1000
const LONGEST_MS = 30_000

/** A random time that grows with each attempt, so that clients of a server that restarts do not come back all at once. */
export function delayMs(attempt: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random())
}

const LONGEST_ASKED_MS = 3_600_000

/** The time for which a server asks a client to wait, at most an hour: a longer timer would end at once. Undefined if it is no time. */
export function askedMs(ms: unknown): number | undefined {
  return typeof ms === 'number' && ms >= 0 ? Math.min(ms, LONGEST_ASKED_MS) : undefined
}
