import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { startProxy } from '../support/proxy.ts'
import { callsOf, freeze, ownRedis, pattern } from '../support/redis.ts'
import { hasWaitAof, startPair } from '../support/replicas.ts'
import { FSYNCED, safely } from '../support/counters.ts'
import { countBy } from '../support/scripts.ts'
import { nextTurn, until } from '../support/until.ts'

/** What `safely` counts in the space `shop`. */
const COUNTER = 'pk1:{shop}:board:a'

test('a replicated call resolves once a replica has it, and delays no other call', async () => {
  const { master, replica } = await startPair()
  const penknife = await openReady(pattern(master.url))
  const space = penknife.space('shop')
  const count = safely(space)
  await expect(count()).resolves.toBe(1)
  freeze(replica)
  let settled = false
  const waiting = count().finally(() => (settled = true))
  const { bind, keys } = space.runtime
  const plain = bind(countBy, [])
  // Done, and visible to another connection, but not confirmed.
  await until('it was carried out', async () => (await plain(keys.route, keys.leaderboard('a'), 0)) === 2)
  expect(settled).toBe(false)
  replica.thaw()
  await expect(waiting).resolves.toBe(2)
})

test('with too few replicas the call fails as carried out but not safe', async () => {
  const { master, raw } = await startPair()
  const penknife = await openReady(pattern(master.url), { deadline: 200 })
  const space = penknife.space('shop')
  const error = await failure(safely(space, { fsynced: false, replicas: 2 })())
  expect(error).toMatchObject({ code: 'PENKNIFE_NOT_DURABLE', fate: 'unknown' })
  expect(error.message).toContain('1 replicas, not 2')
  expect(await raw.get(COUNTER)).toBe('1')
})

test('the first call on a connection fails after one WAIT, not after two, although its script is not loaded there', async () => {
  const { master, raw } = await startPair()
  const penknife = await openReady(pattern(master.url), { deadline: 1000 })
  const started = performance.now()
  const error = await failure(safely(penknife.space('shop'), { fsynced: false, replicas: 2 })())
  expect(error).toMatchObject({ code: 'PENKNIFE_NOT_DURABLE' })
  expect(performance.now() - started).toBeLessThan(1800)
  expect(await raw.get(COUNTER)).toBe('1')
})

test('the calls of one tick share one WAIT, and those made meanwhile share the next', async () => {
  const { master, replica, raw } = await startPair()
  const count = safely((await openReady(pattern(master.url))).space('shop'))
  await count()
  freeze(replica)
  const before = await callsOf(raw, 'wait')
  const first = Array.from({ length: 25 }, () => count())
  await until('they were carried out', async () => (await raw.get(COUNTER)) === '26')
  const second = []
  for (let turn = 0; turn < 5; turn++) {
    second.push(count(), count())
    await nextTurn()
  }
  replica.thaw()
  expect(await Promise.all([...first, ...second])).toEqual(Array.from({ length: 35 }, (_, at) => at + 2))
  expect(await callsOf(raw, 'wait')).toBe(before + 2)
})

test('a call that loads its script again is confirmed as well', async () => {
  const { master, replica, raw } = await startPair()
  const count = safely((await openReady(pattern(master.url), { deadline: 300 })).space('shop'))
  await count()
  await raw.script('FLUSH')
  await expect(count()).resolves.toBe(2)
  freeze(replica)
  await raw.script('FLUSH')
  expect(await failure(count())).toMatchObject({ code: 'PENKNIFE_NOT_DURABLE' })
})

test('fsynced: confirmed by a server that can, refused before anything is written by one that cannot', async () => {
  const server = await ownRedis({ persist: true })
  const space = (await openReady(pattern(server.url))).space('shop')
  const count = safely(space, FSYNCED)
  const raw = new Redis(server.socket)
  onTestFinished(() => raw.disconnect())
  if (await hasWaitAof(raw)) return expect(await count()).toBe(1)
  const error = await failure(count())
  expect(error).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'not-done' })
  expect(error.message).toMatch(/needs Redis 7.2 or Valkey 8 .*unknown command/)
  const { bind, keys } = space.runtime
  expect(await bind(countBy, [])(keys.route, keys.leaderboard('a'), 0)).toBe(0)
})

test('fsynced is refused by a server without an append-only file, and taken once it has one', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url))
  const count = safely(penknife.space('shop'), FSYNCED)
  const raw = new Redis(server.socket)
  onTestFinished(() => raw.disconnect())
  expect(await failure(count())).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'not-done' })
  expect(await raw.keys('*')).toEqual([])
  if (!(await hasWaitAof(raw))) return
  await raw.config('SET', 'appendonly', 'yes')
  await raw.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await until('it is taken', () => count().then(Boolean, () => false))
})

test('when a connection breaks during the wait, the fate is unknown, and the next call works', async () => {
  const { master, replica, raw } = await startPair()
  const proxy = await startProxy(master)
  const count = safely((await openReady(pattern(proxy.url))).space('shop'))
  await count()
  freeze(replica)
  const waiting = count()
  await until('it waits', async () => (await raw.get(COUNTER)) === '2')
  proxy.cut()
  expect(await failure(waiting)).toMatchObject({ fate: 'unknown' })
  replica.thaw()
  await expect(count()).resolves.toBe(3)
})

test('a call fails in time when there is no Redis', async () => {
  const proxy = await startProxy(await ownRedis())
  const count = safely((await openReady(pattern(proxy.url), { deadline: 100 })).space('shop'))
  await proxy.leave()
  expect(await failure(count())).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE', fate: 'not-done' })
})

test('a master that became a replica refuses, and serves again as a master', async () => {
  const { master, replica, raw } = await startPair()
  const count = safely((await openReady(pattern(master.url), { deadline: 500 })).space('shop'))
  await count()
  await raw.replicaof('127.0.0.1', replica.port)
  expect(await failure(count())).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE', fate: 'not-done' })
  await raw.replicaof('NO', 'ONE')
  await until('it is confirmed', async () => (await count().catch(() => 0)) > 1)
})
