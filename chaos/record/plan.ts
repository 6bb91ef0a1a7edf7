import {
  type CommitAnswer,
  createCounters,
  createLeaderboard,
  createNotifier,
  createStream,
  type Delivery,
  type Space,
} from '@penknife/core'

import type { Sabotage } from '../harness/sabotage.ts'

export const SPACE = 'chaos'
/** So many that no job becomes a dead letter: a process that is killed uses up an attempt of the jobs that it handled. */
export const MOST_ATTEMPTS = 1000
export const CHANNEL = 'all'
const KEPT = 1_000_000

export interface Job {
  /** Its id: `<life>-<number>`. */
  readonly job: string
  readonly member: string
  readonly points: number
}

/** What each process is given. */
export interface MemberConfig {
  readonly url: string
  readonly seed: number
  readonly sabotage: readonly Sabotage[]
  /** The share of handlers that take longer than a lease, 0 to 1. */
  readonly slow: number
  readonly leaseMs: number
}

/** And what the harness adds. */
export interface MemberLife {
  readonly folder: string
  readonly life: string
}

/** Everything that one call changes: jobs are recorded with their effects, and done with theirs. */
// oxlint-disable-next-line typescript/explicit-module-boundary-types, typescript/explicit-function-return-type -- a list of objects
export function openObjects(space: Space) {
  return {
    /** All jobs that were recorded. Boards and counters must agree with it. */
    log: createStream<Job>(space, 'log', { retain: { entries: KEPT } }),
    jobs: createStream<Job>(space, 'jobs', { groups: ['work'] }),
    done: createStream<Job>(space, 'done', { retain: { entries: KEPT } }),
    /** Added by the commit that brings a member's count to a multiple of ten. */
    tens: createStream<string>(space, 'tens', { retain: { entries: KEPT } }),
    points: createLeaderboard(space, 'points', {
      windows: { all: 'all-time', hour: { last: '1h' }, month: { calendar: 'month' } },
    }),
    handled: createLeaderboard(space, 'handled'),
    counts: createCounters(space, 'counts'),
    news: createNotifier(space, 'news', { history: KEPT }),
  }
}

export type Objects = ReturnType<typeof openObjects>

/** What is done with a job: its effects, and its end. */
export function commitJob(
  { done, handled, counts, tens }: Objects,
  delivery: Delivery<Job>,
): Promise<CommitAnswer<readonly unknown[]>> {
  const { payload: job } = delivery
  return delivery.commit(
    done.adding(job),
    handled.incrementing(job.member),
    counts.incrementing('done'),
    counts.incrementing(job.member, 1, { reaching: { value: 10, effects: [tens.adding(job.member)] } }),
  )
}
