/** How long calls wait for a connection: until their deadline, or until `end`. */
export class WaitLimit {
  over = false
  readonly #ended: () => void

  constructor(ended: () => void) {
    this.#ended = ended
  }

  /** After `ms` milliseconds waiting calls and new calls fail at once without a connection: not done. */
  end(ms: number): void {
    setTimeout(() => {
      this.over = true
      this.#ended()
    }, ms).unref()
  }
}
