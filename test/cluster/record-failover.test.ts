import { setTimeout as delay } from 'node:timers/promises'

import {
  connect,
  createCounters,
  createLeaderboard,
  createStream,
  PenknifeError,
  record,
} from '@penknife/core'
import { expect, test } from 'vitest'

import { sentinelPattern } from '../../scripts/redis/clients.ts'
import { startSentinels } from '../../scripts/redis/sentinel.ts'
import { until } from '../support/until.ts'

test('when a master dies under calls of record, each is all there or not at all, its fate is true, and repeating it makes it once', async () => {
  // After the failover there must be a replica that confirms.
  await using sentinels = await startSentinels({ replicas: 2 })
  const penknife = connect(sentinelPattern(sentinels))
  try {
    const space = penknife.space('shop')
    const orders = createStream<number>(space, 'orders', { retain: { entries: 1_000_000 } })
    const points = createLeaderboard(space, 'points')
    const sold = createCounters(space, 'sold')
    const order = (n: number) =>
      record(
        space,
        { id: `order-${n}`, durability: 'replicated' },
        orders.adding(n),
        points.incrementing('all'),
        sold.incrementing('all'),
      )
    const fates = new Map<number, string>()
    let diedAt = Infinity
    let confirmedAfter = 0
    const calls: Promise<void>[] = []
    async function one(n: number): Promise<void> {
      const sentAt = performance.now()
      try {
        await order(n)
        fates.set(n, 'done')
        if (sentAt > diedAt) confirmedAfter += 1
      } catch (error) {
        fates.set(n, error instanceof PenknifeError ? error.fate : 'another error')
      }
    }
    async function present(): Promise<readonly number[]> {
      const found: number[] = []
      for await (const { payload } of orders.replay()) found.push(payload)
      return found
    }
    const going = new AbortController()
    const sending = (async () => {
      for (let n = 0; !going.signal.aborted; n++) {
        calls.push(one(n))
        await delay(3)
      }
    })()
    const confirmed = (): number => [...fates.values()].filter((each) => each === 'done').length
    await until('orders are confirmed', () => confirmed() > 50)
    const master = await sentinels.master()
    await master.kill()
    diedAt = performance.now()
    await until('orders are confirmed again', () => confirmedAfter > 50)
    going.abort()
    await sending
    await Promise.all(calls)

    const there = await present()
    const was = new Set(there)
    const of = (fate: string) => [...fates].filter(([, each]) => each === fate).map(([n]) => n)
    expect(of('done').length + of('not-done').length + of('unknown').length).toBe(fates.size)
    expect(of('done').length).toBeGreaterThan(100)
    expect(of('done').filter((n) => !was.has(n))).toEqual([])
    expect(of('not-done').filter((n) => was.has(n))).toEqual([])
    const sums = async () => [(await points.rank('all'))?.score, (await sold.read(['all']))[0]?.value]
    expect(await sums()).toEqual([there.length, there.length])

    for (const n of [...of('not-done'), ...of('unknown')]) {
      await until('the order is confirmed', () =>
        order(n).then(
          () => true,
          () => false,
        ),
      )
    }
    expect((await present()).toSorted((a, b) => a - b)).toEqual([...fates.keys()].toSorted((a, b) => a - b))
    expect(await sums()).toEqual([fates.size, fates.size])
  } finally {
    await penknife.close()
  }
}, 60_000)
