import { describe, expect, onTestFinished, test } from 'vitest'

import { driverOf } from '../../packages/core/src/redis/choose-driver.ts'
import {
  type ClusterDriver,
  type Link,
  NotSent,
  ReplyError,
  type ServerDriver,
  type Topology,
} from '../../packages/core/src/redis/driver.ts'
import { mapped } from '../../packages/core/src/redis/node-redis/cluster.ts'
import { type ConnectionHealth, createRoster } from '../../packages/core/src/redis/roster.ts'
import { startSentinels } from '../../scripts/redis/sentinel.ts'
import { startProxies } from '../support/cluster-proxies.ts'
import {
  clusterPatternOf,
  type DriverName,
  DRIVERS,
  loadDriver,
  freeze,
  penknifeClients,
  sentinelPatternOf,
  useCluster,
} from '../support/redis.ts'
import { moveSlot } from '../support/slots.ts'
import { until } from '../support/until.ts'

await Promise.all(DRIVERS.map(loadDriver))

// What redis/driver.ts asks of every driver, on a cluster and with Sentinel; test/redis/driver-contract.test.ts has a single server.

const bench = useCluster()

type ClusterOptions = Parameters<typeof clusterPatternOf>[2]

interface Opened {
  readonly driver: ClusterDriver
  readonly topology: Topology
  readonly list: () => readonly ConnectionHealth[]
}

function openTopology(name: DriverName, options: ClusterOptions = {}, of = bench): Opened {
  const roster = createRoster(() => {})
  const driver = driverOf(clusterPatternOf(name, of.cluster, options), roster)
  if (!driver.cluster) throw new Error('a cluster was expected')
  const topology = driver.open()
  onTestFinished(() => topology.close())
  return { driver, topology, list: roster.list }
}

async function openReady(name: DriverName, options: ClusterOptions = {}, of = bench): Promise<Opened> {
  const opened = openTopology(name, options, of)
  await until('it is ready', () => opened.topology.ready)
  return opened
}

/** The connection to the master of a slot, once it is ready. */
async function masterOf(topology: Topology, slot: number): Promise<Link> {
  const link = (): Link | undefined => {
    const owner = topology.owner(slot)
    return owner === undefined ? undefined : topology.link(owner)
  }
  await until('its master is connected', () => {
    // As a sender does.
    if (!link()) topology.refresh()
    return link()?.ready ?? false
  })
  return link()!
}

function send(link: Link, command: string, ...args: readonly (string | number)[]): Promise<unknown> {
  return new Promise((received, failed) => link.send(command, args, { received, failed }))
}

const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => new Error('it did not fail'),
    (error: unknown) => error,
  )

/** Keys of slots on the first, second and third of three masters. */
const [FIRST, SECOND, THIRD] = [
  { key: 'b', slot: 3300 },
  { key: 'c', slot: 7365 },
  { key: 'a', slot: 15_495 },
] as const

test.each(DRIVERS)('%s: each slot has a master, with a connection of its own to it', async (name) => {
  const { driver, topology, list } = await openReady(name, { keyPrefix: 'app:' })
  expect(driver).toMatchObject({ cluster: true, db: 0, keyPrefix: 'app:' })
  for (const [at, { key, slot }] of [FIRST, SECOND, THIRD].entries()) {
    const { host, port } = bench.cluster.nodes[at]!
    expect(topology.owner(slot)).toBe(`${host}:${port}`)
    expect(await send(await masterOf(topology, slot), 'incr', key)).toBe(1)
    expect(await bench.raws[at]!.get(key)).toBe('1')
  }
  expect(await topology.call('ping')).toBe('PONG')
  expect(topology.link('127.0.0.1:1')).toBe(undefined)
  expect(list()).toEqual([{ purpose: 'commands', open: 3, ready: 3, reason: undefined }])
})

test.each([
  ['ioredis', 2],
  ['ioredis', 3],
  ['ioredis5', 2],
  ['node-redis', 2],
  ['node-redis', 3],
  ['node-redis5', 2],
  ['node-redis5', 3],
] as const)('%s, RESP%i: on a cluster, too, replies have the shapes of RESP2', async (name, protocol) => {
  const { topology } = await openReady(name, { redisOptions: { protocol } })
  const link = await masterOf(topology, FIRST.slot)
  await link.call('xadd', FIRST.key, '1-1', 'f', 'v')
  await link.call('xgroup', 'CREATE', FIRST.key, 'g', 0)
  const read = await link.call('xreadgroup', 'GROUP', 'g', 'c', 'COUNT', 10, 'STREAMS', FIRST.key, '>')
  expect(read).toEqual([[FIRST.key, [['1-1', ['f', 'v']]]]])
})

test.each(DRIVERS)(
  '%s: redirections are replies; the new owner of a moved slot is recorded and looked up',
  async (name) => {
    const { topology } = await openReady(name)
    const { key, slot } = FIRST
    const [old, target] = [topology.owner(slot)!, topology.owner(SECOND.slot)!]
    const link = await masterOf(topology, slot)
    await send(link, 'set', key, 'here')
    const other = await masterOf(topology, SECOND.slot)
    const refused: unknown[] = []
    let step = 0
    await moveSlot(bench.cluster, bench.raws, slot, 0, 1, {
      steps: 1,
      async between() {
        if (step++ > 0) return
        // Its keys are moved, the slot is not.
        refused.push(await failure(send(link, 'get', key)))
        const asked = [send(other, 'asking'), send(other, 'get', key)]
        expect(await Promise.all(asked)).toEqual(['OK', 'here'])
        await send(other, 'asking')
        refused.push(await failure(send(other, 'mget', key, '{b}2')))
      },
    })
    onTestFinished(() => moveSlot(bench.cluster, bench.raws, slot, 1, 0))
    refused.push(await failure(send(link, 'get', key)))
    expect(refused).toMatchObject([{ code: 'ASK' }, { code: 'TRYAGAIN' }, { code: 'MOVED' }])
    for (const error of refused) expect(error).toBeInstanceOf(ReplyError)
    const named = (error: unknown): string => topology.nodeOf((error as Error).message.split(' ')[2]!)
    expect([named(refused[0]), named(refused[2])]).toEqual([target, target])
    topology.learn(slot, target)
    expect(topology.owner(slot)).toBe(target)
    topology.learn(slot, old)
    await new Promise<void>((resolve) => topology.refresh(resolve))
    expect(topology.owner(slot)).toBe(target)
    expect(await send(await masterOf(topology, slot), 'get', key)).toBe('here')
  },
)

test.each(
  DRIVERS.flatMap(
    (name) =>
      [
        [name, 'nothing'],
        [name, 'a reply'],
      ] as const,
  ),
)(
  '%s: a channel whose slot moves away while %s is due is said to have moved, or its connection is cut',
  async (name, due) => {
    const { proxies, options } = await startProxies(bench.cluster)
    const { topology } = await openReady(name, options)
    const link = topology.open(topology.owner(FIRST.slot)!, 'subscriber')!
    onTestFinished(() => link.close())
    await until('it is ready', () => link.ready)
    const delivered: string[] = []
    link.on('message', (_, text) => delivered.push(text))
    link.on('moved', () => delivered.push('moved'))
    link.on('closed', () => delivered.push('moved'))
    await link.ssubscribe(FIRST.key)
    await bench.raws[0]!.spublish(FIRST.key, 'x')
    await until('it is delivered', () => delivered.length === 1)
    if (due === 'a reply') {
      proxies[0]!.holdReplies('first')
      link.call('ping', 'first').catch(() => {})
      await until('its reply waits', () => proxies[0]!.pending.includes('first'))
    }
    await moveSlot(bench.cluster, bench.raws, FIRST.slot, 0, 1)
    onTestFinished(() => moveSlot(bench.cluster, bench.raws, FIRST.slot, 1, 0))
    if (due === 'a reply') {
      await until('it is sent', () => proxies[0]!.pending.includes('sunsubscribe'))
      link.call('ping', 'second').catch(() => {})
      await until('its reply waits', () => proxies[0]!.pending.includes('second'))
      proxies[0]!.pass()
    }
    await until('it is reported', () => delivered.length > 1)
    expect(delivered.slice(0, 2)).toEqual(['x', 'moved'])
  },
)

test.each(DRIVERS)(
  '%s: on a cluster, too, calls in flight when connections broke are not sent again',
  async (name) => {
    const { proxies, options } = await startProxies(bench.cluster)
    const { topology } = await openReady(name, options)
    const link = await masterOf(topology, FIRST.slot)
    proxies[0]!.swallowReplies()
    const call = failure(send(link, 'incr', FIRST.key))
    await until('it was carried out', async () => (await bench.raws[0]!.get(FIRST.key)) === '1')
    proxies[0]!.pass()
    proxies[0]!.cut()
    const error = await call
    expect(error).toBeInstanceOf(Error)
    expect(error).not.toBeInstanceOf(NotSent)
    expect(error).not.toBeInstanceOf(ReplyError)
    await new Promise<void>((resolve) => topology.refresh(resolve))
    expect(await send(await masterOf(topology, FIRST.slot), 'incr', FIRST.key)).toBe(2)
  },
)

test.each(DRIVERS)(
  '%s: a cluster that is away at the start, and later again, is used once it is available',
  async (name) => {
    const { proxies, options } = await startProxies(bench.cluster)
    const startupNodes = proxies.map(({ port }) => ({ host: '127.0.0.1', port }))
    await Promise.all(proxies.map((proxy) => proxy.leave()))
    const roster = createRoster(() => {})
    const driver = driverOf(clusterPatternOf(name, { startupNodes }, options), roster) as ClusterDriver
    const topology = driver.open()
    onTestFinished(() => topology.close())
    await until('the roster knows why', () => roster.list()[0]?.reason !== undefined)
    expect(topology.ready).toBe(false)
    await Promise.all(proxies.map((proxy) => proxy.comeBack()))
    await until('it is ready', () => topology.ready)
    const answers = (): Promise<boolean> =>
      topology.call('ping').then(
        () => true,
        () => false,
      )
    await until('it answers', answers)
    await Promise.all(proxies.map((proxy) => proxy.leave()))
    await until('it is away', async () => !(await answers()))
    await Promise.all(proxies.map((proxy) => proxy.comeBack()))
    await until('it answers', answers)
    expect(await send(await masterOf(topology, FIRST.slot), 'incr', FIRST.key)).toBe(1)
  },
)

test.each(DRIVERS)(
  '%s: an ACL user can use a cluster; with a wrong password it cannot connect',
  async (name) => {
    for (const raw of bench.raws) await raw.call('ACL', 'SETUSER', 'ann', 'on', '>x', '~*', '+@all')
    onTestFinished(async () => {
      for (const raw of bench.raws) await raw.call('ACL', 'DELUSER', 'ann')
    })
    const { topology } = await openReady(name, { redisOptions: { username: 'ann', password: 'x' } })
    expect(await (await masterOf(topology, FIRST.slot)).call('ACL', 'WHOAMI')).toBe('ann')
    const { list } = openTopology(name, { redisOptions: { username: 'ann', password: 'y' } })
    await until('the roster knows why', () => list()[0]?.reason !== undefined)
  },
)

describe('over TLS', () => {
  const secure = useCluster({ tls: true })

  test.each(DRIVERS)('%s: every master is reached, for calls and for channels', async (name) => {
    const { topology, list } = await openReady(
      name,
      { redisOptions: { tls: { ca: secure.cluster.ca! } } },
      secure,
    )
    for (const { key, slot } of [FIRST, SECOND, THIRD]) {
      expect(await send(await masterOf(topology, slot), 'incr', key)).toBe(1)
      const link = topology.open(topology.owner(slot)!, 'subscriber')!
      onTestFinished(() => link.close())
      await until('it is ready', () => link.ready)
      const received = new Promise((resolve) => link.on('message', (_, text) => resolve(text)))
      await link.ssubscribe(key)
      await (await masterOf(topology, slot)).call('spublish', key, 'x')
      expect(await received).toBe('x')
    }
    expect(list()[0]).toMatchObject({ purpose: 'commands', open: 3, ready: 3 })
  })

  test.each(DRIVERS)('%s: a certificate that is not trusted keeps it from connecting', async (name) => {
    const { topology, list } = openTopology(name, { redisOptions: { tls: {} } }, secure)
    await until('the roster knows why', () => list()[0]?.reason !== undefined)
    expect(topology.ready).toBe(false)
  })
})

test.each(DRIVERS)('%s: after close no connection to any master remains', async (name) => {
  const { topology } = await openReady(name)
  for (const { slot } of [FIRST, SECOND, THIRD]) await masterOf(topology, slot)
  await topology.close()
  for (const raw of bench.raws) {
    await until('it is closed', async () => (await penknifeClients(raw)).length === 0)
  }
})

// node-redis 5 does not show how its Sentinel client was made.
test.each(DRIVERS.filter((name) => name !== 'node-redis5'))(
  '%s: Sentinel names the master, also after a failover; a sentinel that does not answer is left for the next one',
  async (name) => {
    const sentinels = await startSentinels({ replicas: 1, sentinels: 3 })
    onTestFinished(() => sentinels.stop())
    const roster = createRoster(() => {})
    const given = sentinelPatternOf(name, sentinels, { db: 2, keyPrefix: 'app:' })
    const driver = driverOf(given, roster) as ServerDriver
    expect(driver).toMatchObject({ cluster: false, db: 2, keyPrefix: 'app:', server: sentinels.name })
    const link = driver.open('commands')
    onTestFinished(() => link.close())
    await until('it is ready', () => link.ready)
    expect(await send(link, 'incr', 'n')).toBe(1)
    expect(await send(link, 'wait', 1, 5000)).toBe(1)
    const [master, replica] = sentinels.servers as [
      (typeof sentinels.servers)[0],
      (typeof sentinels.servers)[0],
    ]
    await master.kill()
    await until('it is noticed', () => !link.ready)
    expect(await failure(send(link, 'incr', 'n'))).toBeInstanceOf(NotSent)
    await until('it is ready', () => link.ready, 20_000)
    expect(await sentinels.master()).toBe(replica)
    expect(await send(link, 'incr', 'n')).toBe(2)
    freeze(sentinels.sentinels[0]!)
    link.reconnect()
    await until('it is left', () => !link.ready)
    await until('it is ready', () => link.ready)
    expect(await send(link, 'incr', 'n')).toBe(3)
  },
  60_000,
)

test('a Sentinel client of node-redis 5 is refused', async () => {
  const given = sentinelPatternOf('node-redis5', { addresses: [{ host: '127.0.0.1', port: 1 }], name: 'm' })
  expect(() =>
    driverOf(
      given,
      createRoster(() => {}),
    ),
  ).toThrow('for Sentinel penknife needs node-redis 6')
})

test('node-redis: the addresses of nodes are mapped by an object or by a function', () => {
  const nodeAddressMap = { 'inside:1': { host: 'outside', port: 2 } }
  for (const map of [nodeAddressMap, (address: string) => Reflect.get(nodeAddressMap, address)]) {
    expect(mapped('inside:1', { rootNodes: [], nodeAddressMap: map })).toBe('outside:2')
    expect(mapped('inside:2', { rootNodes: [], nodeAddressMap: map })).toBe('inside:2')
  }
})
