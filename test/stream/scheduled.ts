import { channel } from 'node:diagnostics_channel'

import {
  createStream,
  type Penknife,
  type Stream,
  type StreamEvent,
  type StreamOptions,
} from '@penknife/core'
import { beforeEach } from 'vitest'

import { type Clock, createClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'

export const HOUR_MS = 3_600_000
export const MINUTE_MS = 60_000
export const NOON_MS = Date.UTC(2026, 0, 15, 12)

export interface Report {
  readonly kind: string
  readonly at?: number
}

export const NIGHTLY = { cron: '30 2 * * *', payload: { kind: 'nightly' }, timeField: 'at' } as const
export const HOURLY = { every: '1h', payload: { kind: 'hourly' }, timeField: 'at' } as const

/** The schedules of a test file, whose tests begin at noon. Call `useSettableClock` before. */
export function useSchedules() {
  const bench = useRedis()
  let clock: Clock
  beforeEach(async () => {
    clock = createClock(bench.raw)
    await clock.set(NOON_MS * 1000)
  })
  return {
    bench,
    async openStream<T = Report>(
      options: StreamOptions<T> = { groups: ['mail'] },
    ): Promise<{ readonly stream: Stream<T>; readonly events: StreamEvent[]; readonly penknife: Penknife }> {
      const penknife = await openReady(pattern(bench.server.url))
      const stream = createStream<T>(penknife.space('shop'), 'reports', options)
      const events: StreamEvent[] = []
      stream.on((event) => events.push(event))
      return { stream, events, penknife }
    },
    /** Sets Redis' time; no process notices it. */
    setTime: (ms: number): Promise<void> => clock.set(ms * 1000),
    /** Sets Redis' time; the processes of this test notice it at once. */
    async goTo(ms: number): Promise<void> {
      await clock.set(ms * 1000)
      channel('penknife:clock').publish({})
    },
  }
}

export function kinds(events: readonly StreamEvent[], kind: StreamEvent['kind']): number {
  return events.filter((event) => event.kind === kind).length
}

/** The times in the payloads of all entries. */
export async function times(stream: Stream<Report>): Promise<readonly unknown[]> {
  const { items } = await stream.read({ limit: 1000 })
  return items.map(({ payload }) => payload.at)
}
