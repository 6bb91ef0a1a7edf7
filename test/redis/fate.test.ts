import type { ConnectOptions, Penknife } from '@penknife/core'
import { expect, test } from 'vitest'

import { send } from '../../scripts/redis/resp.ts'
import { failure, open, openReady } from '../support/connect.ts'
import { counters } from '../support/counters.ts'
import { type Proxy, startProxy } from '../support/proxy.ts'
import { ownRedis, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

async function throughProxy(options: ConnectOptions = {}): Promise<{ proxy: Proxy; penknife: Penknife }> {
  const proxy = await startProxy(bench.server)
  return { proxy, penknife: await openReady(pattern(proxy.url), options) }
}

async function valueOf(counter: string): Promise<number> {
  return Number(await bench.raw.get(`pk1:{shop}:board:${counter}`))
}

test('a call whose reply is lost with the connection ran once and is not sent again', async () => {
  const { proxy, penknife } = await throughProxy()
  const count = counters(penknife.space('shop'))
  await count('warm-up')
  proxy.swallowReplies()
  const calls = [count('a'), count('a')].map(failure)
  await until('the calls were carried out', async () => (await valueOf('a')) === 2)
  proxy.pass()
  proxy.cut()
  for (const error of await Promise.all(calls)) {
    expect(error).toMatchObject({ code: 'PENKNIFE_FATE_UNKNOWN', fate: 'unknown' })
    expect(error.message).toMatch(/may have been carried out/)
  }
  // A resend would be on its way before this call.
  expect(await count('a')).toBe(3)
})

test('a call made while the connection is away waits for it', async () => {
  const { proxy, penknife } = await throughProxy()
  const count = counters(penknife.space('shop'), 15_000)
  await count('a')
  await proxy.leave()
  await until('penknife noticed', async () => (await penknife.health()).status === 'unavailable')
  const calls = Promise.all([count('a'), count('a')])
  expect(await valueOf('a')).toBe(1)
  await proxy.comeBack()
  expect(await calls).toEqual([2, 3])
})

test('a call that found no connection within its deadline is known not to be done', async () => {
  const { proxy, penknife } = await throughProxy()
  await counters(penknife.space('shop'))('warm-up')
  await proxy.leave()
  await until('penknife noticed', async () => (await penknife.health()).status === 'unavailable')
  const count = counters(penknife.space('shop'), 150)
  const started = performance.now()
  expect(await failure(count('a'))).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE', fate: 'not-done' })
  expect(performance.now() - started).toBeGreaterThanOrEqual(149)
  await proxy.comeBack()
  expect(await counters(penknife.space('shop'), 15_000)('b')).toBe(1)
  expect(await valueOf('a')).toBe(0)
})

test('a frozen Redis is a timeout of unknown fate, and calls succeed after the thaw', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url))
  const events: string[] = []
  penknife.on(({ kind }) => events.push(kind))
  const patient = counters(penknife.space('shop'), 15_000)
  await patient('a')
  server.freeze()
  const error = await failure(counters(penknife.space('shop'), 150)('a'))
  expect(error).toMatchObject({ code: 'PENKNIFE_TIMEOUT', fate: 'unknown' })
  const late = patient('a')
  server.thaw()
  expect(await late).toBe(3)
  // The connection was never lost.
  expect(events).toEqual([])
})

test('a call whose deadline passed stays counted until its reply or the end of its connection', async () => {
  const { proxy, penknife } = await throughProxy({ deadline: 200 })
  const count = counters(penknife.space('shop'), 100)
  await count('a')
  proxy.swallowReplies()
  await failure(count('a'))
  const { pending } = await penknife.health()
  expect(pending).toBe(1)
  proxy.pass()
  proxy.cut()
  await until('nothing is pending', async () => (await penknife.health()).pending === 0)
})

test('an answer that lay in the socket while this process was busy is not a timeout', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const count = counters(penknife.space('shop'), 50)
  await count('a')
  const call = count('a')
  await new Promise(setImmediate)
  // node-redis writes in an immediate of its own.
  await new Promise(setImmediate)
  const end = performance.now() + 120
  while (performance.now() < end);
  expect(await call).toBe(2)
})

test('a replica that was a master is left: the call is known not to be done', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url))
  const count = counters(penknife.space('shop'), 5000)
  await count('a')
  const events: string[] = []
  penknife.on(({ kind }) => events.push(kind))
  await send(server, ['REPLICAOF', '127.0.0.1', String(bench.server.port)])
  expect(await failure(count('a'))).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE', fate: 'not-done' })
  await until('penknife connects afresh', () => events.includes('available'))
  await send(server, ['REPLICAOF', 'NO', 'ONE'])
  expect(await count('b')).toBe(1)
})

test('a Redis that is full refuses the whole call before anything is written', async () => {
  const server = await ownRedis({ args: ['--maxmemory', '1'] })
  const penknife = open(pattern(server.url))
  const error = await failure(counters(penknife.space('shop'), 5000)('a'))
  expect(error).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE', fate: 'not-done' })
  expect(error.message).toMatch(/OOM/)
})
