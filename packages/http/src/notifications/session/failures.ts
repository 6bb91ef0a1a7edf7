/** The most requests whose failures are known. */
const MOST = 1000
/** The longest time after which a client is asked to come back, before its random part. */
const LONGEST_MS = 60_000

/** How long requests for the same channels have failed, although Redis answers: such as a view that cannot be read. */
export interface Failures {
  /**
   * Notes a failure. Returns how long the clients should wait: as long as it has failed, from `leastMs` to a minute. So an application that
   * is broken gets fewer and fewer requests, and one that was away for a moment gets its clients back soon.
   */
  note(channels: readonly string[], leastMs: number): number
  /** A request succeeded. */
  forget(channels: readonly string[]): void
}

export function createFailures(): Failures {
  const since = new Map<string, number>()
  return {
    note(channels, leastMs) {
      const key = keyOf(channels)
      const now = performance.now()
      const first = since.get(key) ?? now
      const [oldest] = since.keys()
      if (since.size >= MOST && !since.has(key)) since.delete(oldest as string)
      since.set(key, first)
      return Math.max(leastMs, Math.min(now - first, LONGEST_MS))
    },
    forget(channels) {
      if (since.size > 0) since.delete(keyOf(channels))
    },
  }
}

/** No channel contains a line break. */
function keyOf(channels: readonly string[]): string {
  return channels.join('\n')
}
