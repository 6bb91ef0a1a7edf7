import { PassThrough } from 'node:stream'

import { runCli } from '@penknife/cli'
import {
  createCounters,
  createDeduper,
  createLeaderboard,
  createLock,
  createMergedLeaderboard,
  createNotifier,
  createObjects,
  createOnce,
  createPresence,
  createRateLimiter,
  createSemaphore,
  createStream,
  type Penknife,
  record,
  type Space,
} from '@penknife/core'
import { describe, expect, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { useRedis } from '../support/redis.ts'
import { controlsIn, HOSTILE } from './hostile.ts'
import { inTerminal } from './run.ts'

const bench = useRedis()

/** A stream with a group `old`, whose consumer `c` read it in November 2026: what DUMP replied. */
const LEFT_STREAM =
  'EwEQAAAAAAAAAAEAAAAAAAAAARwcAAAACgABAQABAQGBZAIAAQIBAAEAAQEBBAH/AQEBAQEAAAEBA29sZAEBAQEAAAAAAAAAAQAAAAAAAAABVJOhK6IBAAABAQFjVJOhK6IBAAABAAAAAAAAAAEAAAAAAAAAAQoA9054sszTRxk='

interface Found {
  readonly walked: number
  readonly complete: boolean
  readonly keys: number
  readonly kinds: readonly { readonly kind: string; readonly keys: number; readonly memoryBytes: number }[]
  readonly stale: readonly { readonly name: string }[]
  readonly orphans: readonly { readonly feature: string; readonly name: string; readonly inUse?: boolean }[]
  readonly groups: readonly {
    readonly stream: string
    readonly group: string
    readonly declared: boolean
    readonly unreadForMs: number
  }[]
  readonly withoutExpiry: { readonly count: number; readonly examples: readonly string[] }
  readonly undecodable: { readonly count: number; readonly examples: readonly string[] }
  readonly unlink: readonly string[]
}

async function run(
  args: readonly string[],
  signal?: AbortSignal,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const code = await runCli(
    ['--redis', bench.server.socket, '--deadline', '30s', 'doctor', '--keys', ...args],
    { stdin, stdout, stderr, env: {} },
    signal,
  )
  return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') }
}

async function json(...args: readonly string[]): Promise<{ readonly code: number; readonly found: Found }> {
  const { code, stdout } = await run(['--json', ...args])
  return { code, found: JSON.parse(stdout) as Found }
}

async function application(): Promise<{ app: Penknife; space: Space }> {
  const app = await openReady(bench.raw, { deadline: '30s' })
  return { app, space: app.space('shop') }
}

/** Makes Redis believe that nobody has used a key for an hour. */
async function idle(key: string | Buffer): Promise<void> {
  const [dump, ttl] = [await bench.raw.dumpBuffer(key), await bench.raw.pttl(key)]
  await bench.raw.call('RESTORE', key, String(Math.max(0, ttl)), dump, 'REPLACE', 'IDLETIME', '3600')
}

describe('doctor --keys', () => {
  test('knows every key of every feature: nothing is an orphan, and each kind expires that should', async () => {
    const { space } = await application()
    const limiter = createRateLimiter(space, 'api', {
      rules: [
        { name: 'minute', limit: 5, window: '1m' },
        { name: 'log', limit: 5, window: '1m', algorithm: 'sliding-log' },
        { name: 'slots', limit: 5, lease: '1m', algorithm: 'concurrency' },
        { name: 'day', limit: 5, calendar: 'day', timeZone: 'UTC', algorithm: 'fixed-window' },
      ],
    })
    await limiter.take('ann')
    await limiter.block('eve', { duration: 'forever', reason: 'fraud' })
    const stream = createStream<number>(space, 'orders', { groups: ['billing'] })
    await stream.add(1, { id: 'one' })
    await stream.add(2, { delay: '1h' })
    await stream.schedule('nightly', { cron: '30 2 * * *', payload: 1 })
    await stream.group('billing').pause()
    const board = createLeaderboard(space, 'points', {
      windows: { all: 'all-time', today: { calendar: 'day' }, hour: { last: '1h' } },
      denseRanks: true,
      dedup: { window: '1h' },
    })
    await board.increment('ann', 5, { id: 'one' })
    await board.describe('ann', { name: 'Ann' })
    const options = { boards: [board], how: 'sum', expires: '10m', window: 'all' } as const
    await createMergedLeaderboard(space, 'world', options).merge()
    const notifier = createNotifier(space, 'main')
    await notifier.publish('room', 'hi', { id: 'one' })
    await notifier.revoke('ann')
    const presence = createPresence(space, 'main', { announce: notifier })
    await presence.join('room', 'ann').joined
    const counters = createCounters(space, 'stock', { calendar: 'day', initial: 9 })
    await counters.reserve([{ counter: 'a', by: -1 }], { expires: '1m', id: 'one' })
    await createLock(space, 'jobs').tryAcquire('a')
    await createSemaphore(space, 'exports', { size: 3 }).tryAcquire('a')
    await createDeduper(space, 'hooks', { window: '1h' }).claim('a')
    await createOnce(space, 'once', { window: '1h' }).run('a', () => 1)
    const carts = createObjects<{ n: number }>(space, 'carts')
    await record(space, { id: 'r1' }, carts.setting('a', { n: 1 }))
    await space.runtime.registered()
    const { code, found } = await json()
    expect({ orphans: found.orphans, undecodable: found.undecodable, without: found.withoutExpiry }).toEqual({
      orphans: [],
      undecodable: { count: 0, examples: [] },
      without: { count: 0, examples: [] },
    })
    expect(code).toBe(0)
    expect(found).toMatchObject({ complete: true, keys: await bench.raw.dbsize() })
    expect(found.kinds.find(({ kind }) => kind === 'stream')).toMatchObject({ keys: 1 })
    expect(found.kinds.every(({ memoryBytes }) => memoryBytes > 0)).toBe(true)
  })

  test('says what nothing has registered, what does not expire and what it cannot decode, and the lines remove just the orphans', async () => {
    const { space } = await application()
    const { keys } = space.runtime
    await createStream(space, 'orders', { groups: ['billing'] }).add(1)
    await space.runtime.registered()
    const before = await bench.raw.keys('*')
    // What an application without these objects left behind.
    const left = [keys.stream('old'), keys.deadLetters('old', 'mails'), keys.leaderboard('old "1"\n\u202e')]
    const orphans = [...left.slice(0, 2), keys.guardOf('once', 'gone', HOSTILE.slice(0, 60))]
    for (const key of orphans) {
      await bench.raw.set(key, 'x')
      await idle(key)
    }
    const fresh = keys.history('new', 'room')
    await bench.raw.set(fresh, 'x')
    const strange = [Buffer.from('pk1:{shop}:\xff\u001b[2J'), Buffer.from(`pk1:{shop}:${'y'.repeat(65_536)}`)]
    for (const name of [...strange, Buffer.from(left[2] as string)]) await bench.raw.set(name, 'x')
    const { code, found } = await json('--unlink')
    expect(code).toBe(1)
    expect(found.orphans.map(({ feature, name, inUse }) => `${feature} ${name} ${inUse}`).toSorted()).toEqual(
      ['notifier new true', 'once gone false', 'stream old false'],
    )
    // The history and the result of `once` have no expiry.
    expect(found.withoutExpiry.count).toBe(2)
    expect(found.undecodable.count).toBe(3)
    expect(found.undecodable.examples.every((text) => text.length < 1000)).toBe(true)
    expect(found.unlink).toHaveLength(3)
    for (const line of found.unlink) {
      const [, quoted = ''] = /^UNLINK "(.*)"$/.exec(line) ?? []
      // As redis-cli reads it.
      const bytes = quoted.replaceAll(/\\(?:x(..)|(.))/g, (_, hex: string | undefined, plain: string) =>
        hex === undefined ? plain : String.fromCharCode(Number.parseInt(hex, 16)),
      )
      expect(await bench.raw.unlink(Buffer.from(bytes, 'latin1'))).toBe(1)
    }
    expect((await bench.raw.keys('*')).length).toBe(before.length + 1 + 3)
    const shown = await inTerminal(bench.server.socket, ['doctor', '--keys'])
    expect(controlsIn(shown.stdout)).toEqual([])
    expect(shown.stdout).toContain('in use: not removed by --unlink')
    expect(shown.stdout).toContain('12 of them of penknife')
  })

  test('a registered object that no process has now, and groups that no worker reads, are shown with the time of the last use', async () => {
    const { space } = await application()
    const { keys } = space.runtime
    createLeaderboard(space, 'points')
    createStream(space, 'orders', { groups: ['billing'] })
    await bench.raw.restore(keys.stream('orders'), 0, Buffer.from(LEFT_STREAM, 'base64'), 'REPLACE')
    await bench.raw.xadd(keys.deadLetters('orders', 'older'), '*', 'e', 'x')
    await space.runtime.registered()
    const hourAgo = Date.now() - 3_600_000
    await bench.raw.zadd(keys.registry.seen, hourAgo, 'leaderboard points', hourAgo, 'stream orders')
    const { code, found } = await json()
    expect(code).toBe(0)
    expect(found.stale).toMatchObject([{ name: 'orders', keys: 2, seenAtMs: hourAgo }])
    expect(found.groups).toMatchObject([
      { group: 'billing', declared: true },
      { group: 'old', declared: false, unreadForMs: expect.any(Number) as unknown },
      { group: 'older', declared: false },
    ])
    const { stdout } = await run([])
    expect(stdout).toMatch(/stream +orders +2 +1h ago/)
    expect(stdout).toMatch(/shop +orders +old +no +[01] +0 +\d+[smhd]/)
  })

  test('walks no more than --most keys, one space with --space, stops at Ctrl-C, and writes nothing', async () => {
    const { space } = await application()
    await bench.raw.mset(Array.from({ length: 5000 }, (_, at) => [`other:${at}`, 'x']).flat())
    for (const name of ['a', 'b']) await bench.raw.set(space.runtime.keys.stream(name), 'x')
    await bench.raw.set('pk1:{blog}:stream:a', 'x')
    await bench.raw.set('pk1:{blog2}:no-kind', 'x')
    for (const key of ['{shop}:stream:a', '{shop}:stream:b', '{blog}:stream:a']) await idle(`pk1:${key}`)
    for (const most of [1000, 37]) {
      const first = (await json('--most', String(most), '--unlink')).found
      // The key that shows that an object is in use may be one of the others.
      expect(first).toMatchObject({ walked: most, complete: false, unlink: [] })
    }
    expect((await run(['--most', '1', '--unlink'])).stderr).toContain('raise --most')
    const whole = (await json()).found
    expect(whole).toMatchObject({ walked: await bench.raw.dbsize(), complete: true, keys: 4 })
    expect((await json('--space', 'blog')).found).toMatchObject({
      keys: 1,
      orphans: [{ space: 'blog', name: 'a', inUse: false }],
      undecodable: { count: 0 },
    })
    // With this policy Redis does not know when a key was used.
    await bench.raw.config('SET', 'maxmemory-policy', 'allkeys-lfu')
    const unsure = (await json('--unlink')).found
    await bench.raw.config('SET', 'maxmemory-policy', 'noeviction')
    expect(unsure.orphans).toHaveLength(3)
    expect(unsure.orphans.filter((each) => 'inUse' in each)).toEqual([])
    expect(unsure.unlink).toEqual([])
    const stopped = await run([], AbortSignal.abort())
    expect(stopped).toMatchObject({ code: 130 })
    expect(stopped.stdout).toContain('not every key was walked')
    expect((await run(['--most', '0'])).stderr).toContain("--most is '0': give a whole number")
    expect(await bench.raw.dbsize()).toBe(5004)
  })
})
