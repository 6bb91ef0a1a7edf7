import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'

import { connect, createRateLimiter, createStream } from '@penknife/core'
import { drained, startTestRedis, type TestRedis, useTestRedis } from '@penknife/testing'
import { Redis } from 'ioredis'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'

import { open } from '../support/connect.ts'
import { bundledProgram } from '../support/program.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

async function started(options: Parameters<typeof startTestRedis>[0] = {}): Promise<TestRedis> {
  const redis = await startTestRedis(options)
  onTestFinished(() => redis.close())
  return redis
}

afterEach(() => vi.unstubAllEnvs())

describe('a Redis that is started for the tests', () => {
  test('is empty after each test, and removed with its folder at the end', async () => {
    const redis = await started()
    const raw = new Redis(redis.url)
    await raw.set('left', 'behind')
    const limiter = createRateLimiter(redis.penknife.space('shop'), 'api', {
      rules: [{ name: 'one', limit: 1, window: '1m' }],
      deadline: '10s',
    })
    expect((await limiter.take('ann')).allowed).toBe(true)
    expect((await limiter.take('ann')).allowed).toBe(false)
    await redis.reset()
    expect(await raw.dbsize()).toBe(0)
    expect((await limiter.take('ann')).allowed).toBe(true)
    const [, dir] = (await raw.config('GET', 'dir')) as [string, string]
    const [, pid] = /process_id:(\d+)/.exec(await raw.info('server')) ?? []
    raw.disconnect()
    await redis.close()
    expect(existsSync(dir)).toBe(false)
    expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH')
    await redis.close()
  })

  test('fails the test during which it ended', async () => {
    const redis = await started()
    const raw = new Redis(redis.url, { retryStrategy: null })
    raw.on('error', () => {})
    const [, pid] = /process_id:(\d+)/.exec(await raw.info('server')) ?? []
    process.kill(Number(pid), 'SIGKILL')
    await until('it is gone', () => raw.status === 'end')
    await expect(redis.reset()).rejects.toThrow(/ECONNREFUSED|did not reach|ENOENT/)
  })
})

describe('an existing Redis', () => {
  test('keeps its own data, and nothing of the tests', async () => {
    await bench.raw.set('mine', 'kept')
    const redis = await started({ url: `${bench.server.url}/` })
    const limiter = createRateLimiter(redis.space(), 'api', {
      rules: [{ name: 'log', algorithm: 'sliding-log', limit: 1, window: '1m' }],
      deadline: '10s',
    })
    await limiter.take('ann')
    const stream = createStream<number>(redis.space(), 'orders', { groups: ['bill'] })
    await stream.add(1)
    expect(await bench.raw.dbsize()).toBeGreaterThan(3)
    await redis.reset()
    expect(await bench.raw.keys('*')).toEqual(['mine'])
    await stream.add(2)
    await redis.close()
    expect(await bench.raw.keys('*')).toEqual(['mine'])
  })

  test('may be named by PENKNIFE_TEST_REDIS_URL, with a user, a password and a database', async () => {
    await bench.raw.acl('SETUSER', 'tester', 'on', '>pass@word', '~*', '&*', '+@all')
    const url = new URL(bench.server.url)
    vi.stubEnv('PENKNIFE_TEST_REDIS_URL', `redis://tester:pass%40word@127.0.0.1:${url.port}/3`)
    const redis = await started()
    const stream = createStream<number>(redis.space(), 'orders', { groups: ['bill'] })
    const handled: number[] = []
    const worker = stream.worker('bill', ({ payload }) => void handled.push(payload))
    await stream.add(1, { delay: '1d' })
    await redis.clock.advance('1d')
    await drained(stream)
    expect(handled).toEqual([1])
    expect(await bench.raw.dbsize()).toBe(0)
    await worker.close()
    await redis.close()
    await bench.raw.select(3)
    onTestFinished(async () => void (await bench.raw.select(0)))
    expect(await bench.raw.dbsize()).toBe(0)
  })

  test('is cleaned of data of tests that were killed more than an hour ago', async () => {
    const old = `penknife-test-${(Date.now() - 3_700_000).toString(36)}-0123456789`
    const young = `penknife-test-${(Date.now() - 60_000).toString(36)}-0123456789`
    await bench.raw.mset(
      `pk1:{${old}/3}:limit:a:b`,
      1,
      `pk1:{${old}}:board:a`,
      1,
      `pk1:{${young}}:board:a`,
      1,
    )
    await started({ url: bench.server.url })
    expect(await bench.raw.keys('*')).toEqual([`pk1:{${young}}:board:a`])
  })
})

describe('without a Redis', () => {
  test('a failed start lists the attempts and the package to install', async () => {
    vi.stubEnv('PENKNIFE_REDIS_BINARY', '/nowhere/redis-server')
    await expect(startTestRedis()).rejects.toThrow('PENKNIFE_REDIS_BINARY names no server that runs')
  })

  test('a URL at which nothing answers fails the start, without telling the password', async () => {
    const failed = startTestRedis({ url: 'redis://:secret@127.0.0.1:1' })
    await expect(failed).rejects.toThrow('the Redis of these tests, 127.0.0.1:1, does not answer')
    await expect(failed).rejects.not.toThrow('secret')
  })

  test.each([
    [{ url: 'localhost:6379' }, "give the URL of a Redis, such as 'redis://127.0.0.1:6379'"],
    [{ uri: 'redis://localhost' }, "did you mean 'url'?"],
    [{ connect: 'ioredis' }, 'connect is "ioredis": give a function'],
  ])('%o is refused before anything is started', async (options, message) => {
    await expect(startTestRedis(options as never)).rejects.toThrow(message)
  })

  test('missing hooks are refused, and use before the start throws', () => {
    expect(() => useTestRedis({} as never)).toThrow('give { beforeAll, afterAll, afterEach }')
    const redis = useTestRedis({ beforeAll: () => {}, afterAll: () => {}, afterEach: () => {} })
    expect(() => redis.url).toThrow('is not started yet')
    expect(() => redis.space()).toThrow('is not started yet')
  })
})

test('penknife can be connected in the test’s own way', async () => {
  const redis = await started({
    connect: (url) => connect(new Redis(url, { lazyConnect: true, keyPrefix: 'app:' })),
  })
  const stream = createStream<number>(redis.space(), 'orders', { groups: ['bill'] })
  await stream.add(1)
  const raw = new Redis(redis.url)
  onTestFinished(() => raw.disconnect())
  expect((await raw.keys('*')).every((key) => key.startsWith('app:pk1:{penknife-test-'))).toBe(true)
})

describe('another process', () => {
  test('that is killed loses its lease when the clock passes it, and another worker continues', async () => {
    const redis = await started()
    const space = redis.space()
    const child = spawn(process.execPath, [bundledProgram('kit-worker'), redis.url, space.name], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const lines: string[] = []
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
    const stream = createStream<string>(space, 'orders', { groups: ['bill'] })
    await stream.add('delayed', { delay: '2d' })
    await until('it works', () => lines.includes('ready'))
    await redis.clock.advance('2d')
    await until('it has the entry', () => lines.includes('handling delayed'))
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
    const handled: string[] = []
    const worker = stream.worker('bill', ({ payload }) => void handled.push(payload))
    // The lease is 30 s, and not over.
    await redis.clock.advance('20s')
    expect(handled).toEqual([])
    await redis.clock.advance('11s')
    await drained(stream)
    expect(handled).toEqual(['delayed'])
    await worker.close()
  })
})

test('scripts that other processes loaded into the same server never run with the server’s time', async () => {
  const own = open(new Redis(bench.server.url, { lazyConnect: true }))
  const rules = [{ name: 'one', limit: 1, window: '1m' }] as const
  await createRateLimiter(own.space('other'), 'api', { rules, deadline: '10s' }).take('ann')
  const redis = await started({ url: bench.server.url })
  await redis.clock.freeze()
  const limiter = createRateLimiter(redis.space(), 'api', { rules, deadline: '10s' })
  await limiter.take('ann')
  await redis.clock.advance('1m')
  expect((await limiter.take('ann')).allowed).toBe(true)
  // The kit changes nothing for the other process.
  expect(
    (await createRateLimiter(own.space('other'), 'api', { rules, deadline: '10s' }).take('ann')).allowed,
  ).toBe(false)
})
