import { createLeaderboard, createRateLimiter, createStream } from '@penknife/core'
import { Cluster, Redis } from 'ioredis'
import { expect, onTestFinished, test, vi } from 'vitest'

import { walkKeys } from '../../packages/cli/src/doctor/keys/walk.ts'
import type { Session } from '../../packages/cli/src/session.ts'
import { startSentinels } from '../../scripts/redis/sentinel.ts'
import { openReady } from '../support/connect.ts'
import { useCluster } from '../support/redis.ts'
import { moveSlot } from '../support/slots.ts'
import { json, penknife } from './run.ts'

const bench = useCluster()

test('--cluster, --prefix and --space: finds the objects of an application on a cluster, and asks for a space if there are several', async () => {
  const [first] = bench.cluster.nodes
  const options = { keyPrefix: 'app:', lazyConnect: true }
  const client = new Cluster([{ host: '127.0.0.1', port: first?.port ?? 0 }], options)
  onTestFinished(() => client.disconnect())
  const app = await openReady(client, { deadline: '30s' })
  for (const name of ['blog', 'shop']) {
    const space = app.space(name)
    await createStream(space, 'orders', { groups: ['billing'] }).add(1)
    await createLeaderboard(space, 'points').increment('ann', 5)
    const rules = [{ name: 'minute', limit: 5, window: '1m' }] as const
    const limiter = createRateLimiter(space, 'api', { rules })
    for (let at = 0; at < 30; at++) await limiter.take(`user ${at}`)
    await space.runtime.registered()
    await client.set(`pk1:{${name}}:stream:left`, 'x')
  }
  const url = `redis://127.0.0.1:${first?.port}`
  const flags = ['--cluster', '--prefix', 'app:']
  const [overview, streams, board, doctor, keys] = await Promise.all([
    json(url, ...flags, 'overview'),
    penknife(url, ...flags, 'streams'),
    penknife(url, ...flags, '--space', 'shop', 'board', 'top', 'points'),
    json(url, ...flags, 'doctor'),
    json(url, ...flags, 'doctor', '--keys', '--unlink'),
  ])
  expect(overview.value).toMatchObject([
    { space: 'blog', waiting: 1 },
    { space: 'shop', waiting: 1 },
  ])
  expect(streams).toMatchObject({ code: 2, stderr: 'give --space, one of: blog, shop\n' })
  expect(board.stdout).toMatch(/1 +5 +ann/)
  const without = await Promise.all(
    bench.cluster.nodes.map(({ port }) =>
      penknife(`redis://127.0.0.1:${port}`, '--deadline', '500ms', '--prefix', 'app:', 'streams'),
    ),
  )
  expect(without.map(({ stderr }) => stderr).join('')).toContain('give --cluster')
  expect(doctor.value).toMatchObject({
    features: ['leaderboard', 'limiter', 'stream'],
    checks: expect.arrayContaining([
      expect.objectContaining({ check: 'permissions', status: 'ok' }),
    ]) as unknown,
  })
  // The keys of both spaces and of the shards of the limiter are on several masters.
  const sizes = await Promise.all(bench.raws.map((raw) => raw.dbsize()))
  expect(sizes.every((size) => size > 0)).toBe(true)
  const orphan = { feature: 'stream', name: 'left', keys: 1 }
  expect(keys.value).toMatchObject({
    complete: true,
    keys: sizes.reduce((sum, size) => sum + size),
    orphans: expect.arrayContaining([
      expect.objectContaining({ space: 'blog', ...orphan }),
      expect.objectContaining({ space: 'shop', ...orphan }),
    ]) as unknown,
    kinds: expect.arrayContaining([expect.objectContaining({ kind: 'limit', keys: 60 })]) as unknown,
    undecodable: { count: 0 },
  })
})

test('doctor --keys leaves keys out that move between its scan of a master and its questions, and knows that they are missing', async () => {
  const slot = Number(await bench.raws[0]?.cluster('KEYSLOT', '{moving}'))
  const [first] = bench.cluster.nodes
  const client = new Cluster([{ host: '127.0.0.1', port: first?.port ?? 0 }], { lazyConnect: true })
  onTestFinished(() => client.disconnect())
  await client.connect()
  await Promise.all(['a', 'b', 'c'].map((name) => client.set(`pk1:{moving}:${name}`, 'x')))
  const counts = await Promise.all(bench.raws.map((raw) => raw.cluster('COUNTKEYSINSLOT', slot)))
  const from = counts.indexOf(3)
  const source = bench.raws[from] as Redis
  const scan = vi.spyOn(source, 'scanBuffer')
  onTestFinished(() => scan.mockRestore())
  scan.mockImplementation((async (...args: readonly string[]) => {
    const names = await source.callBuffer('SCAN', ...args)
    await moveSlot(bench.cluster, bench.raws, slot, from, (from + 1) % 3)
    return names
  }) as never)
  const session = {
    signal: new AbortController().signal,
    output: { progress: () => {} },
    reply: <Value>(call: Promise<Value>) => call,
  }
  const walk = { match: 'pk1:{moving}:*', most: 1000 }
  const found = vi.fn()
  const walked = await walkKeys(session as unknown as Session, [source], walk, found)
  expect(walked).toMatchObject({ complete: false, moved: 3 })
  expect(found.mock.calls).toEqual([[[]]])
})

test('--sentinel and --master: finds the master by its Sentinels, past one that does not answer', async () => {
  const sentinels = await startSentinels({ replicas: 0, sentinels: 1 })
  onTestFinished(() => sentinels.stop())
  const [master] = sentinels.servers
  const app = await openReady(new Redis(master?.url ?? '', { lazyConnect: true }), { deadline: '30s' })
  const space = app.space('shop')
  await createStream(space, 'orders', { groups: ['billing'] }).add(1)
  await space.runtime.registered()
  const [known] = sentinels.addresses
  // A test process never listens on port 1.
  const flags = ['--sentinel', `127.0.0.1:1,${known?.host}:${known?.port}`, '--master', sentinels.name]
  const { code, value } = await json('redis://127.0.0.1:1/0', ...flags, 'overview')
  expect({ code, value }).toMatchObject({ code: 0, value: [{ space: 'shop', waiting: 1 }] })
})
