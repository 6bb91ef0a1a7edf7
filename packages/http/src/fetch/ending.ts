import type { Outcome } from '../exchange/ending.ts'

/**
 * The end of an exchange on a server that shows only Request and Response: it ends when the server has taken the whole body of the
 * response, or when `request.signal` says that the client left.
 */
export class FetchEnding {
  readonly #request: Request
  #outcome: Outcome | undefined
  #listeners: ((outcome: Outcome) => void)[] | undefined
  #isOver = false
  /** Whether the outermost middleware has returned. */
  responded = false
  /** Whether the body of the response is a writer's, which ends the exchange itself. */
  streams = false

  constructor(request: Request) {
    this.#request = request
  }

  get isWatched(): boolean {
    return this.#listeners !== undefined
  }

  get gone(): boolean {
    return this.#outcome !== undefined || this.#request.signal.aborted
  }

  get outcome(): Outcome | undefined {
    if (!this.#outcome && this.#isOver) this.end('finished')
    if (!this.#outcome && this.#request.signal.aborted) this.end('aborted')
    return this.#outcome
  }

  onEnd(listener: (outcome: Outcome) => void): void {
    const { outcome } = this
    if (outcome) return listener(outcome)
    if (!this.#listeners) {
      this.#listeners = []
      this.#request.signal.addEventListener('abort', () => this.end('aborted'), { once: true })
    }
    this.#listeners.push(listener)
  }

  /** There is nothing to wait for: nobody watches, or the response has no body. */
  endSoon(): void {
    this.#isOver = true
    if (this.#listeners) queueMicrotask(() => this.end('finished'))
  }

  end(outcome: Outcome): void {
    if (this.#outcome) return
    this.#outcome = outcome
    const listeners = this.#listeners ?? []
    this.#listeners = []
    for (const listener of listeners) listener(outcome)
  }
}
