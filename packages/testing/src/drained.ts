import type { Duration, StreamGroupStats, StreamStats } from '@penknife/core'
import { checkOptions, durationMs } from '@penknife/core/internal'

import { poll } from './poll.ts'

/** What to wait for, and for how long. */
export interface DrainedOptions {
  /** Only this group. Default: every group of the stream. */
  readonly group?: string | undefined
  /** Leaves out entries that wait for their time: added with a delay, or to be retried later. Default: false. */
  readonly ignoreDelayed?: boolean | undefined
  /** How long it may take. Default: 5 s. */
  readonly within?: Duration | undefined
}

/** What `drained` needs of a stream. */
export interface DrainableStream {
  readonly name: string
  stats(options: { readonly over: 0 }): Promise<StreamStats>
}

/**
 * Resolves when no entry of the stream waits, is handled, or is to be retried: workers have finished all of them or have made
 * dead letters of them.
 *
 * Cost: two script calls every 10 ms.
 *
 * @throws PENKNIFE_INVALID for a wrong option; Error when it is not so within the time, with what is left in each group.
 */
export async function drained(stream: DrainableStream, options: DrainedOptions = {}): Promise<void> {
  checkOptions('drained', options, ['group', 'ignoreDelayed', 'within'])
  const { group, ignoreDelayed = false } = options
  await poll(durationMs('within', options.within ?? 5000), async (withinMs) => {
    const { groups } = await stream.stats({ over: 0 })
    const asked = groups.filter(({ name }) => group === undefined || name === group)
    if (group !== undefined && asked.length === 0) {
      const names = groups.map(({ name }) => name).join(', ') || 'none'
      throw new Error(`stream '${stream.name}' has no group '${group}'; its groups: ${names}`)
    }
    const left = asked.filter((each) => open(each, ignoreDelayed) > 0)
    if (left.length === 0) return undefined
    return `stream '${stream.name}' is not drained after ${withinMs} ms: ${left.map(described).join('; ')}`
  })
}

function open({ waiting, running, delayed }: StreamGroupStats, ignoreDelayed: boolean): number {
  return waiting + running + (ignoreDelayed ? 0 : delayed)
}

function described({ name, waiting, running, delayed, consumers, paused }: StreamGroupStats): string {
  const why = paused ? ', the group is paused' : consumers.length === 0 ? ', no worker has started' : ''
  const fix = delayed > 0 && waiting + running === 0 ? ' (clock.advance() makes them due)' : ''
  return `group '${name}' has ${waiting} waiting, ${running} running, ${delayed} delayed${fix}${why}`
}
