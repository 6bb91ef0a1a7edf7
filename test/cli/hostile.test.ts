import {
  createLeaderboard,
  createNotifier,
  createRateLimiter,
  createStream,
  type DeadLetter,
} from '@penknife/core'
import { expect, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { controlsIn, HOSTILE, HOSTILE_NAME } from './hostile.ts'
import { json, onTerminal, penknife } from './run.ts'

const bench = useRedis()

/** Everything that an attacker may have chosen, hostile: payloads, errors, members, subjects, reasons, events; and what is in the registry. */
async function attacked(): Promise<string> {
  const app = await openReady(bench.raw, { deadline: '30s' })
  const space = app.space('shop')
  const stream = createStream<string>(space, 'orders', { groups: ['billing'] })
  const [id] = await stream.addMany([HOSTILE, `${HOSTILE}${'\u001b[5m<b>\u202E'.repeat(8000)}`])
  const worker = stream.worker('billing', ({ payload }) => Promise.reject(new Error(payload)), {
    maxAttempts: 1,
  })
  worker.on(() => {})
  await until('both are dead', async () => (await stream.stats({ over: 0 })).groups[0]?.dead === 2)
  await worker.close()
  const limiter = createRateLimiter(space, 'api', {
    rules: [{ name: 'minute', limit: 1, window: '1m' }],
    deadline: '30s',
  })
  await limiter.block(HOSTILE_NAME, { duration: 'forever', reason: HOSTILE_NAME })
  await createLeaderboard(space, 'points').increment(HOSTILE_NAME, 1)
  await createNotifier(space, 'main').publish('room', HOSTILE)
  await space.runtime.registered()
  const { names, seen, options } = space.runtime.keys.registry
  for (const member of [`stream ${HOSTILE}`, `limiter ${HOSTILE}`, `lock ${HOSTILE}`])
    await bench.raw
      .multi()
      .zadd(names, 0, member)
      .zadd(seen, Date.now(), member)
      .hset(options, member, HOSTILE)
      .exec()
  const { items } = await stream.group('billing').deadLetters.list(id === undefined ? {} : { id })
  return String(items[0]?.position)
}

test('what others wrote controls no terminal, in tables, details, JSON and errors', async () => {
  const position = await attacked()
  const url = bench.server.socket
  const commands: readonly (readonly string[])[] = [
    ['streams'],
    ['dead', 'list', 'orders'],
    ['dead', 'list', 'orders', '--each'],
    ['dead', 'show', 'orders', position],
    ['--json', 'dead', 'list', 'orders', '--each'],
    ['limits', 'show'],
    ['limits', 'show', 'api'],
    ['limits', 'show', 'api', HOSTILE_NAME],
    ['board', 'top', 'points'],
    ['channel', 'tail', 'main', 'room', '--no-follow'],
    ['locks'],
    ['locks', 'show', 'jobs', HOSTILE_NAME],
    ['streams', HOSTILE.replaceAll('\0', '')],
    [HOSTILE.replaceAll('\0', '')],
  ]
  const runs = await Promise.all(commands.map((args) => onTerminal(url, args)))
  for (const [at, { stdout }] of runs.entries()) {
    expect([commands[at], stdout.length > 0, controlsIn(stdout)]).toEqual([commands[at], true, []])
  }
  // In a terminal a row is one line, however long its cells are.
  expect(runs[2]?.stdout.trim().split('\n')).toHaveLength(3)
  expect(runs[4]?.stdout).toContain('onerror=alert(1)')
})

test('JSON has the exact data', async () => {
  const position = await attacked()
  const url = bench.server.socket
  const { value } = await json(url, 'dead', 'show', 'orders', position)
  expect(JSON.parse((value as DeadLetter).json)).toBe(HOSTILE)
  expect((await penknife(url, 'dead', 'show', 'orders', position)).stdout).toContain('\\u001b[31mred')
})
