/** Time between two checks. A socket is closed at most this much later than `ms`. */
const CHECK_EVERY_MS = 500
/** A socket may send bytes without completing a reply for this many times `ms`, because a large reply takes time. */
const UNANSWERED = 3

/** The progress of a socket that owes replies. */
interface Progress {
  readonly bytes: number
  /** Completed replies. */
  readonly settled: number
}

/**
 * Calls `silent` when a socket sends nothing for `ms` while replies are due, or completes no reply for three times as
 * long. Returns a function that stops the checks.
 */
export function watchSilence(
  progress: () => Progress | undefined,
  ms: number,
  silent: (error: Error) => void,
): () => void {
  let last: Progress | undefined
  let since = 0
  let settledSince = 0
  let timer: NodeJS.Timeout | undefined
  let ended = false

  function checkSoon(): void {
    // After a stall of this process the replies may have arrived already. They are read before the immediates run.
    timer = setTimeout(() => setImmediate(check), CHECK_EVERY_MS).unref()
  }

  function check(): void {
    if (ended) return
    const now = performance.now()
    const present = progress()
    if (!present || present.bytes !== last?.bytes) since = now
    if (!present || present.settled !== last?.settled) settledSince = now
    last = present
    if (now - since >= ms) silent(new Error(`the server sent nothing for ${ms} ms while replies were due`))
    else if (now - settledSince >= UNANSWERED * ms) {
      silent(new Error(`the server completed no reply for ${UNANSWERED * ms} ms, although it sent bytes`))
    }
    checkSoon()
  }

  checkSoon()
  return () => {
    ended = true
    clearTimeout(timer)
  }
}
