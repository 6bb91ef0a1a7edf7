import { existsSync } from 'node:fs'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { send } from '../../scripts/redis/resp.ts'
import { startRedis } from '../../scripts/redis/server.ts'
import type { PrivateRedis, RedisOptions } from '../../scripts/redis/server.ts'
import { isAlive } from './helpers.ts'

async function start(options: RedisOptions = {}): Promise<PrivateRedis> {
  const redis = await startRedis(options)
  onTestFinished(() => redis.stop())
  return redis
}

async function ping(url: string, ca?: string): Promise<string> {
  const client = new Redis(url, ca === undefined ? {} : { tls: { ca } })
  try {
    return await client.ping()
  } finally {
    client.disconnect()
  }
}

test('ioredis connects to the url over TCP', async () => {
  const redis = await start()
  expect(redis.url).toBe(`redis://127.0.0.1:${redis.port}`)
  expect(await ping(redis.url)).toBe('PONG')
})

test('ioredis connects to the url over a unix socket, and no port is open', async () => {
  const redis = await start({ listen: 'unix' })
  expect(redis.port).toBe(0)
  expect(await ping(redis.url)).toBe('PONG')
  expect(await send(redis, ['CONFIG', 'GET', 'port'])).toEqual(['port', '0'])
})

test('with tls, ioredis connects when it trusts the certificate and not otherwise', async () => {
  const redis = await start({ tls: true })
  expect(await ping(redis.url, redis.ca)).toBe('PONG')
  const distrustful = new Redis(redis.url, { retryStrategy: () => null, maxRetriesPerRequest: 0 })
  const refused = new Promise<Error>((resolve) => distrustful.once('error', resolve))
  expect((await refused).message).toMatch(/self-signed certificate/)
  distrustful.disconnect()
})

test('with persist, a killed server starts again on the same port with every write', async () => {
  const redis = await start({ persist: true })
  const { port, pid } = redis
  await send(redis, ['SET', 'key', 'kept'])
  await redis.kill()
  expect(isAlive(pid)).toBe(false)
  await expect(send(redis, ['PING'])).rejects.toThrow(/ECONNREFUSED/)
  await redis.start()
  expect(redis.port).toBe(port)
  expect(redis.pid).not.toBe(pid)
  expect(await send({ host: '127.0.0.1', port }, ['GET', 'key'])).toBe('kept')
})

test('without persist, a restart forgets', async () => {
  const redis = await start()
  await send(redis, ['SET', 'key', 'lost'])
  await redis.restart()
  expect(await send(redis, ['GET', 'key'])).toBe(null)
})

test('a server that ended by itself can be started again', async () => {
  const redis = await start({ persist: true })
  await send(redis, ['SET', 'key', 'kept'])
  await send(redis, ['SHUTDOWN']).catch(() => {})
  await expect.poll(() => isAlive(redis.pid)).toBe(false)
  await redis.restart()
  expect(await send(redis, ['GET', 'key'])).toBe('kept')
})

test('a frozen server keeps its connections and answers once thawed', async () => {
  const redis = await start()
  redis.freeze()
  await expect(send(redis, ['PING'], 200)).rejects.toThrow('no reply to PING within 200 ms')
  redis.thaw()
  expect(await send(redis, ['PING'])).toBe('PONG')
})

test('stop ends the server and removes its folder, and may be called again', async () => {
  const redis = await start()
  await redis.stop()
  expect(isAlive(redis.pid)).toBe(false)
  expect(existsSync(redis.dir)).toBe(false)
  await redis.stop()
  await expect(redis.start()).rejects.toThrow('was stopped')
})

test('starting a server that runs is refused', async () => {
  const redis = await start()
  await expect(redis.start()).rejects.toThrow('running already')
})

test('a server that cannot start is reported with the last words of its log', async () => {
  await expect(startRedis({ args: ['--no-such-option', '1'] })).rejects.toThrow(/no-such-option/)
})

test('arguments are passed to the server', async () => {
  const redis = await start({ args: ['--maxmemory', '10mb'] })
  expect(await send(redis, ['CONFIG', 'GET', 'maxmemory'])).toEqual(['maxmemory', '10485760'])
})
