/** Milliseconds before the next attempt to connect: soon at first, then about a second, so that many do not come at once. */
export function backoff(times: number): number {
  return Math.min(25 * 2 ** Math.min(times, 6), 1000) * (0.75 + Math.random() / 2)
}
