/** Frames that a client may send at once, and a second. */
const BURST = 100
const PER_SECOND = 20

/** Makes a function that counts a client's frames. It returns false for one too many. */
export function createPace(now: () => number = () => performance.now()): () => boolean {
  let used = 0
  let countedAt = now()
  return () => {
    const at = now()
    used = Math.max(0, used - ((at - countedAt) / 1000) * PER_SECOND) + 1
    countedAt = at
    return used <= BURST
  }
}
