import type { ServerFinding, PenknifeEvent, ServerInfo } from '@penknife/core'
import { describe, expect, test } from 'vitest'

import { type Feature, findingsFor } from '../../packages/core/src/redis/server.ts'
import { open } from '../support/connect.ts'
import { counters } from '../support/counters.ts'
import { ownRedis, pattern, patternOf, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const SOUND: ServerInfo = {
  kind: 'redis',
  version: '7.2.4',
  evictionPolicy: 'noeviction',
  maxMemoryBytes: 1 << 30,
  appendOnly: true,
}

describe('findings of a server', () => {
  const codes = (server: Partial<ServerInfo>, ...used: Feature[]): string[] =>
    findingsFor({ ...SOUND, ...server }, new Set(used)).map(({ code }) => code)

  test('nothing in a sound one', () => {
    expect(codes({}, 'limiter', 'stream', 'leaderboard', 'notifier')).toEqual([])
  })

  test.each([
    ['redis', '7.0.15', []],
    ['redis', '8.0.6', []],
    ['redis', '10.0.0', []],
    ['redis', '6.2.14', ['old-version']],
    ['valkey', '8.0.1', []],
    ['valkey', '7.2.5', ['old-version']],
    ['redis', undefined, []],
  ] as const)('of %s %s: %j', (kind, version, found) => {
    expect(codes({ kind, version })).toEqual(found)
  })

  test('an old version is named with the required one', () => {
    const [finding] = findingsFor({ ...SOUND, version: '6.0.16' }, new Set())
    expect(finding?.message).toMatch(/redis 6\.0\.16 is older than 7\.0/)
  })

  test.each(['allkeys-lru', 'allkeys-lfu', 'allkeys-random'])('%s can evict what must be kept', (policy) => {
    for (const feature of ['stream', 'leaderboard', 'notifier'] as const) {
      expect(codes({ evictionPolicy: policy }, feature)).toEqual(['eviction'])
    }
    expect(codes({ evictionPolicy: policy }, 'limiter')).toEqual([])
    expect(codes({ evictionPolicy: policy })).toEqual([])
  })

  test('volatile policies endanger only keys with a TTL', () => {
    expect(codes({ evictionPolicy: 'volatile-lru' }, 'stream', 'leaderboard')).toEqual([])
    expect(codes({ evictionPolicy: 'volatile-ttl' }, 'notifier')).toEqual(['eviction'])
  })

  test('nothing is evicted where memory has no limit', () => {
    expect(codes({ evictionPolicy: 'allkeys-lru', maxMemoryBytes: 0 }, 'stream')).toEqual([])
  })

  test('without appendonly entries and scores are not durable, and other features are not affected', () => {
    expect(codes({ appendOnly: false }, 'stream')).toEqual(['persistence'])
    expect(codes({ appendOnly: false }, 'leaderboard')).toEqual(['persistence'])
    expect(codes({ appendOnly: false }, 'limiter', 'notifier')).toEqual([])
  })

  test('there is no finding about unknown settings', () => {
    const silent: Partial<ServerInfo> = {
      version: undefined,
      evictionPolicy: undefined,
      maxMemoryBytes: undefined,
      appendOnly: undefined,
    }
    expect(codes(silent, 'stream')).toEqual([])
  })
})

describe('at the start', () => {
  const bench = useRedis({
    args: ['--maxmemory', '1gb', '--maxmemory-policy', 'allkeys-lru', '--appendonly', 'yes'],
  })

  function gather(events: ServerFinding[]): (event: PenknifeEvent) => void {
    return (event) => event.kind === 'finding' && events.push(event.finding)
  }

  test('an eviction policy that does not fit is an event, a process warning and part of health', async () => {
    const warnings: (Error & { code?: string })[] = []
    const warn = (warning: Error): unknown => warnings.push(warning)
    process.on('warning', warn)
    const penknife = open(pattern(bench.server.url))
    const reported: ServerFinding[] = []
    penknife.on(gather(reported))
    penknife.space('shop').runtime.use('stream', 'x')
    await until('it is reported', () => reported.length > 0 && warnings.length > 0)
    expect(reported).toMatchObject([{ code: 'eviction' }])
    expect(reported[0]?.message).toMatch(/allkeys-lru can evict the data of stream/)
    expect(warnings).toMatchObject([
      { name: 'PenknifeWarning', code: 'PENKNIFE_EVICTION', message: reported[0]?.message },
    ])
    expect((await penknife.health()).findings).toEqual(reported)
    process.off('warning', warn)
  })

  test('a feature that is used later is checked then', async () => {
    const penknife = open(pattern(bench.server.url))
    const reported: ServerFinding[] = []
    penknife.on(gather(reported))
    await until('the server was looked at', async () => (await penknife.health()).server !== undefined)
    expect(reported).toEqual([])
    penknife.space('shop').runtime.use('leaderboard', 'x')
    expect(reported).toMatchObject([{ code: 'eviction' }])
    penknife.space('shop').runtime.use('leaderboard', 'x')
    expect(reported).toHaveLength(1)
  })

  test('a server that was changed while it was away is looked at again', async () => {
    const server = await ownRedis()
    const penknife = open(pattern(server.url))
    penknife.space('shop').runtime.use('leaderboard', 'x')
    await until('looked at', async () => (await penknife.health()).server?.evictionPolicy === 'noeviction')
    const raw = patternOf('ioredis', server.socket)
    await raw.config('SET', 'maxmemory', '1gb')
    await raw.config('SET', 'maxmemory-policy', 'allkeys-lfu')
    await raw.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await until('looked again', async () =>
      (await penknife.health()).findings.some(({ code }) => code === 'eviction'),
    )
    raw.disconnect()
  })
})

describe('a user with few rights', () => {
  const bench = useRedis()

  test('a user who may not run INFO can use penknife, and a finding reports unknown settings', async () => {
    const rights = ['reset', 'on', '>x', '~pk1:*', '&*', '+@all', '-info']
    await bench.raw.call('ACL', 'SETUSER', 'ann', ...rights)
    const penknife = open(pattern(bench.server.url, { username: 'ann', password: 'x' }))
    const reported: ServerFinding[] = []
    penknife.on((event) => event.kind === 'finding' && reported.push(event.finding))
    expect(await counters(penknife.space('shop'))('c')).toBe(1)
    await until('it is reported', () => reported.length > 0)
    expect(reported).toMatchObject([{ code: 'unreadable' }])
    expect(reported[0]?.message).toMatch(/info/i)
    const health = await penknife.health()
    expect(health).toMatchObject({ status: 'ok', server: undefined })
    expect(health.findings).toMatchObject([{ code: 'unreadable' }])
  })

  test('the commands of a script and a handful more are enough', async () => {
    const rights = ['reset', 'on', '>x', '~pk1:*', '-@all', '+eval', '+evalsha', '+ping', '+incrby']
    await bench.raw.call('ACL', 'SETUSER', 'bob', ...rights)
    const penknife = open(pattern(bench.server.url, { username: 'bob', password: 'x' }))
    expect(await counters(penknife.space('shop'))('c')).toBe(1)
    expect(await penknife.health()).toMatchObject({ status: 'ok' })
  })

  test('a user who may not access the keys gets an error with the reason', async () => {
    await bench.raw.call('ACL', 'SETUSER', 'eve', 'reset', 'on', '>x', '~other:*', '+@all')
    const penknife = open(pattern(bench.server.url, { username: 'eve', password: 'x' }))
    await expect(counters(penknife.space('shop'))('c')).rejects.toMatchObject({
      code: 'PENKNIFE_UNAVAILABLE',
      fate: 'not-done',
    })
  })
})
