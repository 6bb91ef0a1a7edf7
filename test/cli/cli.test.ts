import { readFileSync } from 'node:fs'

import {
  createLeaderboard,
  createLock,
  createNotifier,
  createRateLimiter,
  createStream,
  type InspectedDeadAction,
  type InspectedDeadGroups,
  type Space,
  type Stream,
} from '@penknife/core'
import { describe, expect, onTestFinished, test } from 'vitest'

import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { inTerminal, json, penknife, start } from './run.ts'
import { openShop, type Shop } from './shop.ts'

const bench = useRedis()
const url = (): string => bench.server.socket

const shop = (): Promise<Shop> => openShop(bench.raw)

/** A stream whose entries all became dead letters. */
async function deadLetters(space: Space, errors: readonly string[]): Promise<Stream<string>> {
  const stream = createStream<string>(space, 'orders', { groups: ['billing'] })
  await stream.addMany(errors)
  const worker = stream.worker('billing', ({ payload }) => Promise.reject(new Error(payload)), {
    maxAttempts: 1,
  })
  worker.on(() => {})
  await until('all are dead', async () => (await stream.stats({ over: 0 })).groups[0]?.dead === errors.length)
  await worker.close()
  return stream
}

describe('what it shows', () => {
  test('overview and streams: every group with its state, what needs attention, and the schedules of a stream', async () => {
    const { space, listed } = await shop()
    const mails = createStream(space, 'mails', { groups: ['send', 'audit'] })
    await mails.addMany([1, 2])
    await mails.group('send').pause()
    await mails.schedule('nightly', { cron: '30 2 * * *', payload: {} })
    createRateLimiter(space, 'api', { rules: [{ name: 'minute', limit: 2, window: '1m' }] })
    await listed()
    const [overview, list, one, plain] = await Promise.all([
      json(url(), 'overview'),
      json(url(), 'streams'),
      json(url(), 'streams', 'mails'),
      penknife(url(), 'overview'),
    ])
    expect(overview).toMatchObject({
      code: 0,
      value: [
        { space: 'shop', objects: { stream: 1, limiter: 1 }, waiting: 4, pausedGroups: 1, unservedGroups: 1 },
      ],
    })
    expect(list.value).toMatchObject([
      {
        name: 'mails',
        groups: [
          { name: 'send', waiting: 2, paused: true },
          { name: 'audit', workers: 0 },
        ],
      },
    ])
    expect(one.value).toMatchObject({ schedules: [{ id: 'nightly', cron: '30 2 * * *' }] })
    expect(plain.stdout).toMatch(/^SPACE +STREAMS/)
    expect(plain.stdout).toMatch(/shop +mails +audit +no worker +2 +0/)
    expect(plain.stdout).not.toContain('\u001b')
  })

  test('limits, boards, locks and explanations, of text and of parts', async () => {
    const { space, listed } = await shop()
    const rules = [{ name: 'minute', limit: 1, window: '1m' }] as const
    const limiter = createRateLimiter(space, 'api', { rules, denyCache: false })
    const tenants = createRateLimiter(space, 'tenants', { rules: [{ ...rules[0], per: 'tenant' }] })
    const board = createLeaderboard(space, 'points')
    const lock = createLock(space, 'jobs', { label: 'worker-7' })
    const orders = createStream(space, 'orders', { groups: ['billing'] })
    await Promise.all([limiter.take('ann'), tenants.take({ tenant: 'acme' }), board.increment('ann', 5)])
    const id = await orders.add(1)
    await lock.tryAcquire('a')
    await listed()
    const [denied, part, top, held, entry] = await Promise.all([
      penknife(url(), 'limits', 'show', 'api', 'ann'),
      json(url(), 'explain', 'subject', 'tenants', '--part', 'tenant=acme'),
      penknife(url(), 'board', 'top', 'points', '3'),
      penknife(url(), 'locks', 'jobs', 'a'),
      penknife(url(), 'explain', 'entry', 'orders', id),
    ])
    expect(denied.stdout).toMatch(
      /^denied \(rule\) {2}A call that costs 1 is denied: rule 'minute' has 0 of 1 left/,
    )
    expect(part.value).toMatchObject({ allowed: false, violated: ['minute'] })
    expect(top.stdout).toMatch(/1 +5 +ann/)
    expect(held.stdout).toMatch(/^worker-7 has it. Its lease ends in \d+ s/)
    expect(entry.stdout).toBe(
      'waiting (no-worker)  No worker of its group sent a command within 30 s. Start a worker.\n',
    )
  })

  test('a channel: its last events, then new ones until Ctrl-C', async () => {
    const { space, listed } = await shop()
    const notifier = createNotifier(space, 'main')
    for (const n of [1, 2, 3]) await notifier.publish('room', { n })
    await listed()
    const tail = start(url(), ['--json', 'channel', 'tail', 'main', 'room', '-n', '2'])
    const first = start(url(), ['--json', 'channel', 'tail', 'main', 'without-history'])
    await tail.printed('"n":3')
    await until(
      'both follow',
      async () => ((await bench.raw.call('PUBSUB', 'SHARDCHANNELS', '*:live')) as unknown[]).length > 1,
    )
    await notifier.publish('without-history', { n: 1 })
    await first.printed('"n":1')
    first.signal('SIGINT')
    expect((await first.ended).stderr).toBe('')
    await notifier.publish('room', { n: 4 }, { type: 'chat' })
    await tail.printed('"n":4')
    tail.signal('SIGINT')
    const { code, stdout } = await tail.ended
    expect(code).toBe(0)
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { data: { n: number }; type: string })
    expect(events.map(({ data, type }) => [data.n, type])).toEqual([
      [2, 'message'],
      [3, 'message'],
      [4, 'chat'],
    ])
  })
})

describe('what it does', () => {
  test('dead letters: grouped, shown, requeued and purged; it counts first, and asks', async () => {
    const { space, listed } = await shop()
    const stream = await deadLetters(space, ['order 1 not found', 'order 2 not found', 'broken'])
    await listed()
    const list = (await json(url(), 'dead', 'list', 'orders')).value as InspectedDeadGroups
    expect(list.items.map(({ error, count }) => [error, count])).toEqual([
      ['order # not found', 2],
      ['broken', 1],
    ])
    const [example = ''] = list.items[0]?.examples ?? []
    const [shown, dry, refused, none] = await Promise.all([
      penknife(url(), 'dead', 'show', 'orders', example),
      json(url(), 'dead', 'requeue', 'orders', '--like', example, '--dry-run'),
      penknife(url(), 'dead', 'purge', 'orders', '--all'),
      penknife(url(), 'dead', 'purge', 'orders'),
    ])
    expect(shown.stdout).toMatch(/error +order 2 not found/)
    expect(dry.value).toMatchObject({ matched: 2, done: 0 })
    expect(refused).toMatchObject({ code: 2 })
    expect(refused.stderr).toContain(
      'Delete 3 dead letters of group billing of orders? Nobody can be asked here: give --yes',
    )
    expect(none.stderr).toContain('--all')
    expect((await stream.group('billing').deadLetters.list()).items).toHaveLength(3)
    expect((await json(url(), '--yes', 'dead', 'requeue', 'orders', '--like', example)).value).toMatchObject({
      done: 2,
    })
    const purged = await penknife(url(), '--yes', 'dead', 'purge', 'orders', '--contains', 'broken')
    expect(purged).toMatchObject({ code: 0, stdout: '1 letter deleted\n' })
    expect((await stream.group('billing').deadLetters.list()).items).toEqual([])
  })

  test('two people who requeue the same dead letters at once move each of them once', async () => {
    const { space, listed } = await shop()
    const stream = await deadLetters(
      space,
      Array.from({ length: 250 }, (_, at) => `no stock ${at}`),
    )
    await listed()
    const requeue = async (): Promise<number> => {
      const { value } = await json(url(), '--yes', 'dead', 'requeue', 'orders', '--contains', 'stock')
      return (value as InspectedDeadAction).done
    }
    const [first, second] = await Promise.all([requeue(), requeue()])
    expect(first + second).toBe(250)
    expect((await stream.stats({ over: 0 })).groups[0]).toMatchObject({ waiting: 250, dead: 0 })
  })

  test('pauses, cancels, blocks, unblocks, resets and releases; the exit code says whether anything changed', async () => {
    const { space, listed } = await shop()
    const stream = createStream(space, 'orders', { groups: ['billing'] })
    const id = await stream.add(1)
    const limiter = createRateLimiter(space, 'api', {
      rules: [{ name: 'minute', limit: 1, window: '1m' }],
      denyCache: false,
    })
    await limiter.take('ann')
    const lock = createLock(space, 'jobs')
    const held = await lock.tryAcquire('a')
    await listed()
    expect((await penknife(url(), 'streams', 'pause', 'orders')).stdout).toBe(
      'group billing of orders is paused now\n',
    )
    expect((await stream.stats({ over: 0 })).groups[0]?.paused).toBe(true)
    const codes = async (...chain: readonly (readonly string[])[]): Promise<readonly (number | null)[]> => {
      const ended: (number | null)[] = []
      for (const args of chain) ended.push((await penknife(url(), ...args)).code)
      return ended
    }
    const [cancelled, blocked, released] = await Promise.all([
      codes(['streams', 'cancel', 'orders', id], ['streams', 'cancel', 'orders', id]),
      codes(
        ['limits', 'block', 'api', 'eve', '--for', 'forever', '--reason', 'fraud'],
        ['--yes', 'limits', 'reset', 'api', 'ann'],
      ),
      codes(['--yes', 'locks', 'release', 'jobs', 'a'], ['--yes', 'locks', 'release', 'jobs', 'a']),
    ])
    expect({ cancelled, blocked, released }).toEqual({ cancelled: [0, 1], blocked: [0, 0], released: [0, 1] })
    expect((await limiter.take('eve')).blocked?.reason).toBe('fraud')
    expect((await limiter.take('ann')).allowed).toBe(true)
    expect(await held?.release()).toBe(false)
    expect((await penknife(url(), 'limits', 'unblock', 'api', 'eve')).code).toBe(0)
  })

  test('entries are found by the tags that their application declared', async () => {
    const { space, listed } = await shop()
    const orders = createStream<{ user: string; order: number; note?: string }>(space, 'orders', {
      groups: ['billing'],
      tags: ({ user, order }) => ({ user, order }),
    })
    const ids = await orders.addMany([
      { user: 'ann', order: 17, note: '\u009b31mred' },
      { user: 'ann', order: 18 },
    ])
    createStream(space, 'plain', { groups: ['billing'] })
    await listed()
    const find = ['streams', 'find', 'orders', '--tag']
    const [page, both, none, twice] = await Promise.all([
      json(url(), ...find, 'user=ann', '--limit', '1'),
      penknife(url(), ...find, 'user=ann', '--tag', 'order=17'),
      penknife(url(), 'streams', 'find', 'plain', '--tag', 'user=ann'),
      penknife(url(), ...find, 'user=ann', '--tag', 'user=bob'),
    ])
    expect(page.value).toMatchObject({
      stream: 'orders',
      tagged: true,
      items: [{ id: ids[1], state: 'waiting', payload: { order: 18 } }],
      next: ids[1],
    })
    expect(both.stdout).toMatch(/^ENTRY +STATE +ADDED +DUE +ATTEMPTS +PAYLOAD\n[^\n]*waiting[^\n]*\n$/)
    expect(both.stdout).toContain(`{"user":"ann","order":17`)
    expect(both.stdout).not.toContain('\u009b')
    expect(none.stdout).toBe('no entry: the processes of plain declare no tags\n')
    expect(twice.code).toBe(2)
  })
})

describe('doctor', () => {
  test('finds what does not fit the features in use, says what to do, and writes nothing', async () => {
    const { space, listed } = await shop()
    createStream(space, 'orders')
    await listed()
    await bench.raw.config('SET', 'maxmemory', '1gb', 'maxmemory-policy', 'allkeys-lru')
    onTestFinished(
      async () => void (await bench.raw.config('SET', 'maxmemory', '0', 'maxmemory-policy', 'noeviction')),
    )
    const before = await bench.raw.dbsize()
    const { code, value } = await json(url(), 'doctor')
    expect(code).toBe(1)
    expect(value).toMatchObject({ features: ['stream'] })
    const { checks } = value as { readonly checks: readonly { check: string; status: string }[] }
    const problems = checks.filter(({ status }) => status === 'problem').map(({ check }) => check)
    expect(problems).toEqual(['eviction', 'persistence'])
    expect(await bench.raw.dbsize()).toBe(before)
  })

  test('names the commands that a user may not run', async () => {
    await bench.raw.call('ACL', 'SETUSER', 'narrow', 'on', '>pw', '~*', '&*', '+@all', '-xadd', '-ssubscribe')
    onTestFinished(async () => void (await bench.raw.call('ACL', 'DELUSER', 'narrow')))
    const narrow = `redis://narrow:pw@${bench.server.host}:${bench.server.port}`
    const { stdout } = await penknife(narrow, 'doctor')
    expect(stdout).toMatch(/FAIL +permissions +the user may not run XADD, SSUBSCRIBE/)
  })
})

test('the documented user who may only read sees everything, and Redis refuses its changes', async () => {
  const { space, listed } = await shop()
  const stream = await deadLetters(space, ['broken'])
  const id = await stream.add('again')
  const limiter = createRateLimiter(space, 'api', { rules: [{ name: 'minute', limit: 1, window: '1m' }] })
  await limiter.take('ann')
  await createNotifier(space, 'main').publish('room', 'hi')
  await listed()
  const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')
  const [, rights = ''] = /ACL SETUSER viewer ([^`]+)```/.exec(page) ?? []
  await bench.raw.call('ACL', 'SETUSER', 'viewer', ...rights.trim().split(/\s+/))
  onTestFinished(async () => void (await bench.raw.call('ACL', 'DELUSER', 'viewer')))
  const viewer = `redis://viewer:secret@${bench.server.host}:${bench.server.port}`
  const reads: readonly (readonly string[])[] = [
    ['overview'],
    ['streams', 'orders'],
    ['dead', 'list', 'orders'],
    ['limits', 'show', 'api', 'ann'],
    ['channel', 'tail', 'main', 'room', '--no-follow'],
    ['channel', 'tail', 'main', 'without-history', '--no-follow'],
    ['locks', 'show', 'jobs', 'a'],
    ['explain', 'entry', 'orders', id],
  ]
  const seen = await Promise.all(reads.map((args) => penknife(viewer, ...args)))
  expect(seen.map(({ code, stderr }) => [code, stderr])).toEqual(reads.map(() => [0, '']))
  const changes: readonly (readonly string[])[] = [
    ['--yes', 'dead', 'purge', 'orders', '--all'],
    ['streams', 'pause', 'orders'],
    ['limits', 'block', 'api', 'ann', '--for', '1h', '--reason', 'x'],
  ]
  const refused = await Promise.all(changes.map((args) => penknife(viewer, ...args)))
  expect(refused.map(({ code }) => code)).toEqual([3, 3, 3])
  expect((await stream.group('billing').deadLetters.list()).items).toHaveLength(1)
  expect((await stream.stats({ over: 0 })).groups[0]?.paused).toBe(false)
})

describe.runIf(process.platform === 'linux')('in a terminal', () => {
  test('has colours, and none with NO_COLOR; cuts what does not fit', async () => {
    const { space, listed } = await shop()
    createStream(space, 'orders', { groups: ['billing'] })
    await listed()
    const { stdout } = await inTerminal(url(), ['streams'])
    expect(stdout).toContain('\u001b[32mok')
    const off = await start(url(), ['streams'], { NO_COLOR: '1', FORCE_COLOR: '1' }).ended
    expect(off.stdout).not.toContain('\u001b')
    const on = await start(url(), ['streams'], { FORCE_COLOR: '1' }).ended
    expect(on.stdout).toContain('\u001b[32mok')
  })

  test('asks before it destroys: only yes goes on', async () => {
    const { space, listed } = await shop()
    const stream = await deadLetters(space, ['a', 'b'])
    await listed()
    const letters = async (): Promise<number> =>
      (await stream.group('billing').deadLetters.list()).items.length
    const no = await inTerminal(url(), ['dead', 'purge', 'orders', '--all'], 'y\n')
    expect(no).toMatchObject({ code: 1 })
    expect(no.stdout).toContain('Delete 2 dead letters of group billing of orders? Type yes to go on:')
    expect(no.stdout).toContain('nothing was done')
    expect(await letters()).toBe(2)
    expect((await inTerminal(url(), ['dead', 'purge', 'orders', '--all'], 'yes\n')).code).toBe(0)
    expect(await letters()).toBe(0)
  })
})
