/** What Redis knows of a member of this process. */
type Known = 'in' | 'out' | 'unknown'

/** A member of a channel in this process: how many memberships it has, and what Redis knows. */
export class Attendance {
  memberships = 0
  known: Known = 'out'
  /** Whether a call is in progress. Only one is at a time, so that none overtakes another. */
  sending = false
  /** Runs while the member has no membership and has not left yet. */
  grace: NodeJS.Timeout | undefined
  #waiting: (() => void)[] = []

  get wanted(): 'in' | 'out' {
    return this.memberships > 0 || this.grace ? 'in' : 'out'
  }

  /** Resolves when Redis knows what is wanted. */
  settled(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  resolve(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
