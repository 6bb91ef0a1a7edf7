import { expect, test } from 'vitest'

import { failure, open, openReady } from '../support/connect.ts'
import { counters } from '../support/counters.ts'
import { startProxy } from '../support/proxy.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { startSpoiler } from '../support/spoiler.ts'
import { until } from '../support/until.ts'

// Each of these waits for the 5 s after which a silent socket is given up, or three times as long.

const bench = useRedis()

test('a connection that stays silent is given up and replaced', async () => {
  const proxy = await startProxy(bench.server)
  const penknife = await openReady(pattern(proxy.url))
  const count = counters(penknife.space('shop'), 300)
  await count('a')
  const opened = proxy.opened
  proxy.goSilent()
  expect(await failure(count('a'))).toMatchObject({ code: 'PENKNIFE_TIMEOUT' })
  proxy.pass({ only: 'new' })
  await until('a new connection', () => proxy.opened > opened)
  expect(await counters(penknife.space('shop'), 15_000)('b')).toBe(1)
  expect(await bench.raw.get('pk1:{shop}:board:a')).toBe('1')
  expect((await penknife.health()).pending).toBe(0)
}, 30_000)

test('a server that accepts the connection and stays silent is tried again', async () => {
  const proxy = await startProxy(bench.server)
  proxy.goSilent()
  const penknife = open(pattern(proxy.url), { deadline: 300 })
  expect(await failure(counters(penknife.space('shop'), 300)('a'))).toMatchObject({ fate: 'not-done' })
  await until('the first connection', () => proxy.opened === 1)
  proxy.pass({ only: 'new' })
  await until('another connection', () => proxy.opened > 1)
  expect(await counters(penknife.space('shop'), 15_000)('a')).toBe(1)
}, 30_000)

test('a connection on which a reply does not end is given up, though bytes keep coming', async () => {
  const spoiler = await startSpoiler(bench.server)
  const penknife = await openReady(pattern(spoiler.url, { protocol: 2 }))
  const count = counters(penknife.space('shop'), 300)
  await count('a')
  spoiler.spoil = () => '$1000000\r\n1\r\n'
  expect(await failure(count('a'))).toMatchObject({ code: 'PENKNIFE_TIMEOUT' })
  spoiler.spoil = undefined
  await until('calls are answered again', () => count('b').then(Boolean, () => false), 25_000)
}, 40_000)
