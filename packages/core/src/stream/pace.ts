/** How far ahead a worker fetches. */
export interface Pace {
  /** Entries to have beyond those being handled. */
  readonly ahead: number
  /** Average characters of a payload, estimated from those that came before. */
  readonly meanLength: number
  fetched(count: number, length: number): void
  ended(count: number): void
  /** The start of a call took so long: what its handler computes before it waits for something. */
  started(ms: number): void
  /** Calls that can be started in that time: at least one. */
  startsIn(ms: number): number
  /** What was fetched ahead waits: the handlers are slower now. */
  stalled(): void
}

/** What is fetched ahead is what the handlers take in this time. */
const AHEAD_MS = 20
const MOST_AHEAD = 1000
const MOST_AHEAD_LENGTH = 4 << 20
/** Measuring over less says little. */
const SHORTEST_MS = 5

/**
 * Watches how fast entries are handled. A fast worker fetches ahead, so that Redis and it work at the same time; a slow
 * one does not, so that what others could handle does not wait for it, and a crash touches little that never ran.
 */
export function createPace(): Pace {
  let ahead = 0
  let perMs = 0
  let ended = 0
  let since = performance.now()
  let meanLength = 0
  let startMs = 0

  return {
    get ahead() {
      return ahead
    },
    get meanLength() {
      return meanLength
    },
    fetched(count, length) {
      meanLength = meanLength === 0 ? length / count : (meanLength + length / count) / 2
      const now = performance.now()
      if (now - since < SHORTEST_MS) return
      perMs = (perMs + ended / (now - since)) / 2
      ended = 0
      since = now
      ahead = Math.floor(Math.min(perMs * AHEAD_MS, MOST_AHEAD, MOST_AHEAD_LENGTH / (meanLength + 1)))
    },
    ended: (count) => void (ended += count),
    started: (ms) => void (startMs = (startMs + ms) / 2),
    startsIn: (ms) => Math.max(1, Math.floor(ms / startMs)),
    stalled() {
      ahead = perMs = ended = 0
      since = performance.now()
    },
  }
}
