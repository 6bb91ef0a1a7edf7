/** How long calls wait for a connection: until their deadline, unless it ends before. */
export class Patience {
  over = false
  readonly #ended: () => void

  constructor(ended: () => void) {
    this.#ended = ended
  }

  /** After so many milliseconds calls that are not sent fail at once, those that wait and those to come: not done. */
  end(ms: number): void {
    setTimeout(() => {
      this.over = true
      this.#ended()
    }, ms).unref()
  }
}
