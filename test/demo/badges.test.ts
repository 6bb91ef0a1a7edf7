import { createNotifier, type Delivery } from '@penknife/core'
import { expect, test } from 'vitest'

import { type Badges, type Click, createBadges, visitorChannel } from '../../examples/demo/badges.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'

const bench = useRedis()
const MINUTE = 1_764_000_000_000 - (1_764_000_000_000 % 60_000)

async function setUp(): Promise<{ badges: Badges; reported(): Promise<number> }> {
  const penknife = await openReady(pattern(bench.server.url))
  const notifier = createNotifier(penknife.space('demo'), 'main')
  const key = `pk1:{demo}:notify:main:${visitorChannel('ann')}`
  return { badges: createBadges(bench.raw, notifier), reported: () => bench.raw.xlen(key) }
}

function click(atMs: number, attempt = 1): Delivery<Click> {
  const { signal } = new AbortController()
  const id = `${atMs}-0`
  const lease = { key: 'stream', group: 'badges', consumer: 'test', id, fence: attempt }
  const entry = { id, addedAtMs: atMs, payload: { member: 'ann' }, key: undefined, traceparent: undefined }
  const commit = (): never => {
    throw new Error('the handler of badges does not commit')
  }
  return {
    ...entry,
    attempt,
    fence: attempt,
    lease,
    signal,
    commit,
    extend: () => true,
    progress: async () => false,
    write: async () => false,
    limited: async () => {},
  }
}

const tools = (badges: readonly { readonly id: string }[]): string[] => badges.map(({ id }) => id)

test('a click that is delivered twice counts once and awards its badge once', async () => {
  const { badges, reported } = await setUp()
  expect(tools(await badges.handle(click(MINUTE)))).toEqual(['blade'])
  // The first worker may have died before the notification, so it is repeated. The badge is not.
  expect(tools(await badges.handle(click(MINUTE, 2)))).toEqual(['blade'])
  expect(tools(await badges.handle(click(MINUTE + 1)))).toEqual([])
  expect(await badges.of('ann')).toEqual([{ id: 'blade', tool: 'blade', entry: `${MINUTE}-0` }])
  expect(await reported()).toBe(2)
  for (let n = 2; n < 9; n++) await badges.handle(click(MINUTE + n * 60_000))
  expect(tools(await badges.handle(click(MINUTE + 9 * 60_000)))).toEqual(['corkscrew'])
})

test('five clicks in one minute earn the scissors, in each minute once', async () => {
  const { badges } = await setUp()
  const earned: string[] = []
  for (const minute of [0, 1]) {
    for (let n = 0; n < 7; n++) {
      earned.push(...tools(await badges.handle(click(MINUTE + minute * 60_000 + n * 1000))))
    }
  }
  const first = MINUTE / 60_000
  expect(earned).toEqual(['blade', `scissors.${first}`, 'corkscrew', `scissors.${first + 1}`])
})

test('clicks handled at the same time award every badge exactly once', async () => {
  const { badges } = await setUp()
  const all = Array.from({ length: 60 }, (_, n) => badges.handle(click(MINUTE + n * 60_000)))
  const earned = (await Promise.all(all)).flat()
  expect(tools(earned).toSorted()).toEqual(['blade', 'corkscrew', 'opener'])
})
