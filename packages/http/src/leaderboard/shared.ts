/** Answers kept at a time; what is asked for beyond them is read afresh, so that odd questions cost no memory. */
const MOST = 20

interface Kept<T> {
  readonly until: number
  readonly answer: Promise<T>
}

/** Makes one call for all who ask for the same within a time. A failed call is not kept. */
export function createShared<T>(forMs: number): (key: string, make: () => Promise<T>) => Promise<T> {
  const kept = new Map<string, Kept<T>>()

  function makeRoom(now: number): boolean {
    if (kept.size < MOST) return true
    for (const [key, { until }] of kept) if (until <= now) kept.delete(key)
    return kept.size < MOST
  }

  return (key, make) => {
    if (forMs === 0) return make()
    const now = performance.now()
    const known = kept.get(key)
    if (known && known.until > now) return known.answer
    kept.delete(key)
    const answer = make()
    if (makeRoom(now)) {
      const entry = { until: now + forMs, answer }
      kept.set(key, entry)
      answer.catch(() => kept.get(key) === entry && kept.delete(key))
    }
    return answer
  }
}
