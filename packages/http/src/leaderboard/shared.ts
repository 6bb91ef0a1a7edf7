/** The most cached results. Further keys are read without caching, so that unusual requests cost no memory. */
const MOST = 20

interface Cached<T> {
  readonly until: number
  readonly answer: Promise<T>
}

/** Makes one call for all requests with the same key within a time. A failed call is not cached. */
export function createShared<T>(forMs: number): (key: string, make: () => Promise<T>) => Promise<T> {
  const cached = new Map<string, Cached<T>>()

  function makeRoom(now: number): boolean {
    if (cached.size < MOST) return true
    for (const [key, { until }] of cached) if (until <= now) cached.delete(key)
    return cached.size < MOST
  }

  return (key, make) => {
    if (forMs === 0) return make()
    const now = performance.now()
    const known = cached.get(key)
    if (known && known.until > now) return known.answer
    cached.delete(key)
    const answer = make()
    if (makeRoom(now)) {
      const entry = { until: now + forMs, answer }
      cached.set(key, entry)
      answer.catch(() => cached.get(key) === entry && cached.delete(key))
    }
    return answer
  }
}
