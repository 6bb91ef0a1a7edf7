/** The most channels that one call finds. */
const MOST_FOUND = 100

export interface DuesCalls {
  /** Finds channels on which the lease of a process has ended. No other call finds them for a while. */
  find(): Promise<readonly string[]>
  /** Removes the members of processes that are gone, and publishes that they left. */
  expire(channel: string): Promise<unknown>
  failed(error: unknown): void
}

/**
 * Finds members of dead processes on all channels of a name, also on those where no living process has members. Else those
 * who follow the events would never learn that they are gone.
 */
export class Dues {
  readonly #calls: DuesCalls
  #collecting = false

  constructor(calls: DuesCalls) {
    this.#calls = calls
  }

  async collect(): Promise<void> {
    if (this.#collecting) return
    this.#collecting = true
    try {
      for (let found = MOST_FOUND; found === MOST_FOUND;) {
        const channels = await this.#calls.find()
        found = channels.length
        await Promise.all(channels.map((channel) => this.#calls.expire(channel)))
      }
    } catch (error) {
      // What was not removed is found again.
      this.#calls.failed(error)
    } finally {
      this.#collecting = false
    }
  }
}
