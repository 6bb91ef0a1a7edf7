import { Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'

import { driverOf } from '../../packages/core/src/redis/choose-driver.ts'
import { Bulk } from '../../packages/core/src/redis/command-args.ts'
import {
  type Driver,
  type Link,
  NotSent,
  type ConnectionPurpose,
  ReplyError,
} from '../../packages/core/src/redis/driver.ts'
import { type ConnectionHealth, createRoster } from '../../packages/core/src/redis/roster.ts'
import { startProxy } from '../support/proxy.ts'
import {
  type DriverName,
  DRIVERS,
  loadDriver,
  ownRedis,
  patternOf,
  penknifeClients,
  useRedis,
} from '../support/redis.ts'
import { until } from '../support/until.ts'

await Promise.all(DRIVERS.map(loadDriver))

// What redis/driver.ts asks of every driver, on a single server.

const bench = useRedis()

interface Opened {
  readonly driver: Driver
  readonly list: () => readonly ConnectionHealth[]
  open(purpose?: ConnectionPurpose): Link
}

function driverFor(name: DriverName, url: string, options: object = {}): Opened {
  const roster = createRoster(() => {})
  const driver = driverOf(patternOf(name, url, options), roster)
  return {
    driver,
    list: roster.list,
    open(purpose = 'commands') {
      if (driver.cluster) throw new Error('a single server was expected')
      const link = driver.open(purpose)
      onTestFinished(() => link.close())
      return link
    },
  }
}

async function openReady(name: DriverName, url: string, options: object = {}): Promise<Link> {
  const link = driverFor(name, url, options).open()
  await until('it is ready', () => link.ready)
  return link
}

function send(link: Link, command: string, ...args: readonly (string | number | Buffer | Bulk)[]) {
  return new Promise<unknown>((received, failed) => link.send(command, args, { received, failed }))
}

const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => new Error('it did not fail'),
    (error: unknown) => error,
  )

const PROTOCOLS: readonly (readonly [DriverName, number])[] = [
  ['ioredis', 2],
  ['ioredis', 3],
  ['ioredis5', 2],
  ['node-redis', 2],
  ['node-redis', 3],
  ['node-redis5', 2],
  ['node-redis5', 3],
]

test.each(PROTOCOLS)(
  '%s, RESP%i: a reply has the shapes of RESP2, its strings are text',
  async (name, protocol) => {
    const link = await openReady(name, bench.server.url, { protocol })
    const script = "return { KEYS[1], 7, false, { ARGV[1] }, redis.error_reply('WRONGTYPE no') }"
    const reply = (await send(link, 'eval', script, 1, 'a', '\u20ac')) as unknown[]
    expect(reply.slice(0, 4)).toEqual(['a', 7, null, ['\u20ac']])
    expect(reply[4]).toBeInstanceOf(ReplyError)
    expect(reply[4]).toMatchObject({ code: 'WRONGTYPE', message: 'WRONGTYPE no' })
    const bytes = Buffer.from([0, 255, 13, 10])
    expect(await send(link, 'set', new Bulk('k'), bytes)).toBe('OK')
    expect(await bench.raw.getBuffer('k')).toEqual(bytes)
    await link.call('xadd', 's', '1-1', 'f', 'v')
    await link.call('xgroup', 'CREATE', 's', 'g', 0)
    const read = await link.call('xreadgroup', 'GROUP', 'g', 'c', 'COUNT', 10, 'STREAMS', 's', '>')
    expect(read).toEqual([['s', [['1-1', ['f', 'v']]]]])
    expect(await link.call('info', 'server')).toContain('redis_version')
  },
)

test.each(DRIVERS)(
  '%s: an error of Redis has its code, and the error of the client library as its cause',
  async (name) => {
    const link = await openReady(name, bench.server.url)
    await bench.raw.set('text', 'a')
    const errors = [failure(send(link, 'lpush', 'text', 1)), failure(link.call('lpush', 'text', 1))]
    for (const error of await Promise.all(errors)) {
      expect(error).toBeInstanceOf(ReplyError)
      expect(error).toMatchObject({ code: 'WRONGTYPE', cause: expect.any(Error) })
    }
  },
)

test.each(DRIVERS)('%s: commands arrive in the order in which they were sent', async (name) => {
  const link = await openReady(name, bench.server.url)
  const order = Array.from({ length: 500 }, (_, at) => at)
  await Promise.all(order.map((at) => (at % 2 ? send(link, 'rpush', 'l', at) : link.call('rpush', 'l', at))))
  expect(await bench.raw.lrange('l', 0, -1)).toEqual(order.map(String))
})

test.each(DRIVERS)('%s: corked commands are sent in one write, and in order', async (name) => {
  const link = await openReady(name, bench.server.url)
  let writes = 0
  for (const method of ['_write', '_writev'] as const) {
    const write = Socket.prototype[method] as (...args: unknown[]) => void
    const spy = vi.spyOn(Socket.prototype, method).mockImplementation(function (
      this: Socket,
      ...args: unknown[]
    ) {
      if (this.remotePort === bench.server.port) writes += 1
      write.apply(this, args)
    })
    onTestFinished(() => spy.mockRestore())
  }
  link.cork()
  const calls = [1, 2, 3].map((value) => send(link, 'rpush', 'l', value))
  link.uncork()
  expect(await Promise.all(calls)).toEqual([1, 2, 3])
  expect(writes).toBe(1)
  expect(await bench.raw.lrange('l', 0, -1)).toEqual(['1', '2', '3'])
})

test.each(DRIVERS)(
  '%s: commands in flight when the connection broke fail, and are not sent again',
  async (name) => {
    const proxy = await startProxy(bench.server)
    const link = await openReady(name, proxy.url)
    proxy.swallowReplies()
    const calls = [send(link, 'incr', 'n'), link.call('incr', 'n')].map(failure)
    await until('they were carried out', async () => (await bench.raw.get('n')) === '2')
    const closed = new Promise<unknown>((resolve) => link.on('closed', resolve))
    proxy.pass()
    proxy.cut()
    for (const error of await Promise.all(calls)) {
      expect(error).toBeInstanceOf(Error)
      expect(error).not.toBeInstanceOf(NotSent)
      expect(String(error)).not.toContain('maxRetriesPerRequest')
      expect(error).not.toBeInstanceOf(ReplyError)
    }
    await closed
    await until('it connects again', () => link.ready)
    expect(await send(link, 'incr', 'n')).toBe(3)
  },
)

test.each(DRIVERS)(
  '%s: without a connection nothing is sent or kept; it reconnects by itself',
  async (name) => {
    const proxy = await startProxy(bench.server)
    const { open, list } = driverFor(name, proxy.url)
    const link = open()
    expect(await failure(send(link, 'incr', 'n'))).toBeInstanceOf(NotSent)
    await until('it is ready', () => link.ready)
    await proxy.leave()
    await until('it is noticed', () => !link.ready)
    expect(await failure(send(link, 'incr', 'n'))).toBeInstanceOf(NotSent)
    expect(await failure(link.call('incr', 'n'))).toBeInstanceOf(NotSent)
    await until('the roster knows why', () => /ECONNREFUSED/.test(list()[0]?.reason ?? ''))
    expect(link.lastError?.message).toMatch(/ECONNREFUSED/)
    await proxy.comeBack()
    await until('it is ready', () => link.ready)
    expect(link.lastError).toBe(undefined)
    expect(list()).toMatchObject([{ purpose: 'commands', open: 1, ready: 1, reason: undefined }])
    expect(await send(link, 'incr', 'n')).toBe(1)
  },
)

test.each(DRIVERS)(
  '%s: a connection to a server that is silent while replies are due is closed',
  async (name) => {
    const proxy = await startProxy(bench.server)
    const link = await openReady(name, proxy.url)
    proxy.goSilent()
    const opened = proxy.opened
    const call = failure(send(link, 'incr', 'n'))
    expect(await call).not.toBeInstanceOf(NotSent)
    proxy.pass({ only: 'new' })
    await until('it connects again', () => link.ready && proxy.opened > opened)
  },
  30_000,
)

test.each(DRIVERS)('%s: a connection that is left connects again', async (name) => {
  const proxy = await startProxy(bench.server)
  const link = await openReady(name, proxy.url)
  const causes: unknown[] = []
  link.on('closed', (cause) => causes.push(cause))
  link.reconnect()
  await until('it connects again', () => link.ready && proxy.opened === 2)
  expect(causes).toEqual([undefined])
})

test.each(PROTOCOLS)(
  '%s, RESP%i: channels are followed until the connection breaks',
  async (name, protocol) => {
    const proxy = await startProxy(bench.server)
    const link = await openReady(name, proxy.url, { protocol })
    const delivered: unknown[] = []
    link.on('message', (channel, text) => delivered.push([channel, text]))
    await link.ssubscribe('a')
    await link.ssubscribe('b')
    expect(await bench.raw.spublish('a', '\u20ac')).toBe(1)
    await until('it is delivered', () => delivered.length === 1)
    expect(delivered).toEqual([['a', '\u20ac']])
    expect(String(await link.call('ping'))).toMatch(/pong/i)
    await link.sunsubscribe('a')
    expect(await bench.raw.spublish('a', 'x')).toBe(0)
    proxy.cut()
    await until('it connects again', () => link.ready && proxy.opened === 2)
    expect(await bench.raw.spublish('b', 'x')).toBe(0)
    await link.ssubscribe('b')
    expect(await bench.raw.spublish('b', 'y')).toBe(1)
    await until('it is delivered', () => delivered.length === 2)
  },
)

test.each(DRIVERS)('%s: a channel that is left and followed again at once is followed', async (name) => {
  const link = await openReady(name, bench.server.url)
  const delivered: string[] = []
  link.on('message', (_, text) => delivered.push(text))
  const asked = [link.ssubscribe('a'), link.sunsubscribe('a'), link.ssubscribe('a')]
  await Promise.all(asked)
  await Promise.all([link.sunsubscribe('a'), link.ssubscribe('a')])
  expect(await bench.raw.spublish('a', 'x')).toBe(1)
  await until('it is delivered', () => delivered.length > 0)
  await Promise.all([link.sunsubscribe('a'), link.ssubscribe('a'), link.sunsubscribe('a')])
  expect(await bench.raw.spublish('a', 'y')).toBe(0)
  expect(delivered).toEqual(['x'])
})

test.each(DRIVERS)('%s: channels that the user may not follow are an error of Redis', async (name) => {
  const server = await ownRedis()
  const raw = await openReady('ioredis', server.url)
  await raw.call('ACL', 'SETUSER', 'ann', 'on', '>x', '~*', '+@all', 'resetchannels')
  const link = await openReady(name, server.url, { username: 'ann', password: 'x' })
  expect(await failure(link.ssubscribe('a'))).toMatchObject({ code: 'NOPERM' })
})

test.each(DRIVERS)('%s: a user that may do no more than its commands can connect', async (name) => {
  const server = await ownRedis()
  const raw = await openReady('ioredis', server.url)
  await raw.call('ACL', 'SETUSER', 'ann', 'on', '>x', '~*', '-@all', '+incr')
  const link = await openReady(name, server.url, { username: 'ann', password: 'x' })
  expect(await send(link, 'incr', 'n')).toBe(1)
})

test.each(DRIVERS)(
  '%s: with a wrong password or a database that does not exist it cannot connect',
  async (name) => {
    for (const [options, reason] of [
      [{ username: 'nobody', password: 'x' }, /WRONGPASS/],
      [{ db: 99 }, /DB index/],
    ] as const) {
      const { open, list } = driverFor(name, bench.server.url, options)
      const link = open()
      await until('the roster knows why', () => reason.test(list()[0]?.reason ?? ''))
      expect(link.ready).toBe(false)
      await link.close()
      expect(list()).toEqual([])
    }
  },
)

test.each(DRIVERS)('%s: db, keyPrefix and name; a prefix is reported, not applied', async (name) => {
  const { driver, open } = driverFor(name, bench.server.url, { db: 3, keyPrefix: 'app:' })
  expect(driver).toMatchObject({ cluster: false, db: 3, keyPrefix: 'app:' })
  const link = open('reader')
  await until('it is ready', () => link.ready)
  await send(link, 'set', 'k', 1)
  expect(await bench.raw.keys('*')).toEqual([])
  expect(await link.call('keys', '*')).toEqual(['k'])
  expect(await penknifeClients(bench.raw)).toMatchObject([expect.stringContaining('name=penknife-reader')])
})

test.each(DRIVERS)('%s: a unix socket and TLS work as well', async (name) => {
  expect(await send(await openReady(name, bench.server.socket), 'incr', 'n')).toBe(1)
  const server = await ownRedis({ tls: true })
  const link = await openReady(name, server.url, { tls: { ca: server.ca as string } })
  expect(await send(link, 'incr', 'n')).toBe(1)
})

test.each(DRIVERS)(
  '%s: closed while a read blocks, it resolves once the server hands out nothing more',
  async (name) => {
    const { open } = driverFor(name, bench.server.url)
    const link = open('reader')
    await until('it is ready', () => link.ready)
    const read = failure(link.call('blpop', 'l', 5))
    await until('it blocks', async () => /cmd=blpop/.test(String(await bench.raw.call('CLIENT', 'LIST'))))
    await link.close()
    expect(await penknifeClients(bench.raw)).toEqual([])
    expect(await read).toBeInstanceOf(Error)
    expect(await failure(send(link, 'ping'))).toBeInstanceOf(Error)
  },
)
