/** Makes a function that returns true `most` times a second. `renewed` is called at the first time of each second. */
export function perSecond(most: number, renewed: () => void): () => boolean {
  let began = -Infinity
  let count = 0
  return () => {
    const now = performance.now()
    if (now - began >= 1000) {
      began = now
      count = 0
      renewed()
    }
    return ++count <= most
  }
}
