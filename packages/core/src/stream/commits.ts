import { PenknifeError } from '../errors.ts'
import type { CommitAnswer } from '../record/types.ts'
import { refusedForMemory } from '../redis/failures.ts'
import * as state from './delivery-state.ts'
import type { LeasedEntry } from './leased-entry.ts'

const OTHER =
  'effects: this delivery was committed with other effects, and those are made; give all effects to one commit'

/** Sends a commit, again after an outage while `mayRetry`. */
export interface Sending {
  /** A text that commits of the same effects share. */
  readonly effects: string
  readonly send: (mayRetry: () => boolean) => Promise<CommitAnswer<never>>
}

export interface CommitsOptions {
  /** The commit finished the entry. */
  readonly done: (entry: LeasedEntry) => void
  readonly lost: (entry: LeasedEntry) => void
  /** The memory of Redis is full. */
  readonly full: () => void
}

/**
 * Commits of running entries: `running ──commit──> committing`, then over, or back to `running` when the commit was refused or failed. This is
 * the owner of an entry's `commit` and `full`.
 */
export interface Commits {
  /**
   * A second commit of a finished entry gets the answer of the first.
   *
   * @throws PENKNIFE_INVALID for a second commit with other effects
   */
  commit(entry: LeasedEntry, sending: Sending): Promise<CommitAnswer<never>>
  /** Calls `then` after the answer of the commit that is under way. */
  afterwards(entry: LeasedEntry, then: () => void): void
  /** Whether a commit finished the entry. */
  finished(entry: LeasedEntry): boolean
  /** Whether the last commit of a running entry failed because the memory of Redis is full. */
  wasFull(entry: LeasedEntry): boolean
  /** From now on no commit is sent again. Resolves when those of these entries have their answers. */
  end(entries: Iterable<LeasedEntry>): Promise<void>
}

export function createCommits({ done, lost, full }: CommitsOptions): Commits {
  let hurried = false

  async function commit(entry: LeasedEntry, { effects, send }: Sending): Promise<CommitAnswer<never>> {
    // Redis refuses a commit before it has the outcome of the entry before it, which was sent in a batch.
    const previous = entry.keyed?.previous
    if (previous?.keyed && previous.stage !== 'over') {
      const { keyed } = previous
      const { over } = keyed
      await new Promise<void>((resolve) => {
        keyed.over = () => {
          over?.()
          resolve()
        }
      })
    }
    while (entry.stage === 'committing') await entry.commit?.catch(() => {})
    if (entry.commit) {
      const before = await entry.commit
      if (before.ok && entry.committed !== effects)
        throw new PenknifeError('PENKNIFE_INVALID', OTHER, { option: 'effects' })
      return before.ok ? { ...before, done: 'before' } : before
    }
    if (!state.commit(entry)) return { ok: false, lost: true, refused: [] }
    entry.committed = effects
    const mayRetry = (): boolean =>
      entry.stage === 'committing' && !hurried && performance.now() < entry.leaseEndsAt
    entry.commit = send(mayRetry).then(
      (answer) => {
        if (answer.ok) done(entry)
        else if (answer.lost) lost(entry)
        else refuse(entry)
        return answer
      },
      (error: unknown) => {
        refuse(entry)
        if (refusedForMemory(error)) {
          entry.full = true
          full()
        }
        throw error
      },
    )
    return entry.commit
  }

  function refuse(entry: LeasedEntry): void {
    entry.commit = undefined
    state.refuse(entry)
  }

  return {
    commit,
    afterwards(entry, then) {
      void entry.commit?.then(then, then)
    },
    finished: (entry) => entry.commit !== undefined && entry.stage === 'over',
    wasFull: (entry) => entry.full && entry.stage === 'running',
    async end(entries) {
      hurried = true
      await Promise.allSettled([...entries].flatMap((entry) => entry.commit ?? []))
    },
  }
}
