/** Milliseconds before the next attempt to connect: 25 ms at first, then about a second. Random, so that many processes do not connect at once. */
export function backoff(times: number): number {
  return Math.min(25 * 2 ** Math.min(times, 6), 1000) * (0.75 + Math.random() / 2)
}
