/** Measures how many entries a worker should fetch ahead. */
export interface Pace {
  /** Entries to fetch in addition to those being handled. */
  readonly ahead: number
  /** Estimated mean characters of a payload, from earlier reads. */
  readonly meanLength: number
  fetched(count: number, length: number): void
  ended(count: number): void
  /** Records how long the start of a call took: the synchronous part of its handler. */
  started(ms: number): void
  /** How many calls can be started in that time: at least one. */
  startsIn(ms: number): number
  /** Call it when entries wait too long: the handlers are slower now, so nothing is fetched ahead. */
  stalled(): void
}

/** A worker fetches ahead as many entries as its handlers take in this time. */
const AHEAD_MS = 20
const MOST_AHEAD = 1000
const MOST_AHEAD_LENGTH = 4 << 20
/** The shortest time over which the rate is measured. */
const SHORTEST_MS = 5

/**
 * Measures how fast entries are handled. A fast worker fetches ahead, so that Redis and the worker work at the same time. A slow
 * worker does not, so that other workers can handle those entries, and a crash affects few entries that were not started.
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
