/** How often it is looked: a socket is given up at most so much later than said. */
const LOOK_EVERY_MS = 500
/** How many times as long a socket may send bytes that answer nothing: a large reply takes a while. */
const UNANSWERED = 3

/** What a socket that owes replies sent so far. */
interface Heard {
  readonly bytes: number
  /** Replies. */
  readonly settled: number
}

/**
 * Calls `silent` when a socket says nothing for so long while replies are due, or answers nothing for three times as long. The
 * function that comes back ends it.
 */
export function watchSilence(
  heard: () => Heard | undefined,
  ms: number,
  silent: (error: Error) => void,
): () => void {
  let last: Heard | undefined
  let since = 0
  let settledSince = 0
  let timer: NodeJS.Timeout | undefined
  let ended = false

  function lookSoon(): void {
    // After a stall of this process what was waited for may have come already: that is read before the immediates.
    timer = setTimeout(() => setImmediate(look), LOOK_EVERY_MS).unref()
  }

  function look(): void {
    if (ended) return
    const now = performance.now()
    const present = heard()
    if (!present || present.bytes !== last?.bytes) since = now
    if (!present || present.settled !== last?.settled) settledSince = now
    last = present
    if (now - since >= ms) silent(new Error(`the server sent nothing for ${ms} ms while replies were due`))
    else if (now - settledSince >= UNANSWERED * ms) {
      silent(new Error(`the server completed no reply for ${UNANSWERED * ms} ms, although it sent bytes`))
    }
    lookSoon()
  }

  lookSoon()
  return () => {
    ended = true
    clearTimeout(timer)
  }
}
