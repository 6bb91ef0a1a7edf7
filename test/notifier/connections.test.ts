import { createNotifier, type Notifier } from '@penknife/core'
import { expect, test, vi } from 'vitest'

import { isOutage } from '../../packages/core/src/errors.ts'
import { followers, openNotifier } from '../support/channels.ts'
import { failure, openReady } from '../support/connect.ts'
import { admit, type Guest } from '../support/members.ts'
import { startProxy } from '../support/proxy.ts'
import { ownRedis, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

const CONNECTIONS = 'pk1:{shop}:notify-connections:main:ann'
const PROCESS = 'pk1:{shop}:notify-process:main:live:'

/** Which of them may stay. */
const open = (guests: readonly Guest[]): boolean[] => guests.map(({ ended }) => ended === undefined)

/** Admits one after the other, alternately in two processes. */
async function admitMany(notifiers: readonly Notifier[], count: number, most: number): Promise<Guest[]> {
  const guests: Guest[] = []
  for (let at = 0; at < count; at++) {
    guests.push(await admit(notifiers[at % notifiers.length] as Notifier, 'ann', most))
  }
  return guests
}

/** Makes renewals of leases a matter of `renew`. */
async function withRenewals(run: (renew: () => void) => Promise<void>): Promise<void> {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  try {
    await run(() => void vi.advanceTimersByTime(20_000))
  } finally {
    vi.useRealTimers()
  }
}

const members = (): Promise<string[]> => bench.raw.zrange(CONNECTIONS, '0', '-1')

test('the newest connections of a user stay, and the oldest are closed at once, over all processes', async () => {
  const notifiers = [await openNotifier(bench), await openNotifier(bench)]
  const other = await admit(notifiers[0]!, 'bob', 1)
  const guests = await admitMany(notifiers, 5, 3)
  await until('two ended', () => guests[0]!.ended !== undefined && guests[1]!.ended !== undefined)
  expect(guests.map(({ ended }) => ended)).toEqual([
    'connections',
    'connections',
    undefined,
    undefined,
    undefined,
  ])
  expect(other.ended).toBeUndefined()
  expect(await members()).toHaveLength(3)
})

test('a connection that ends frees its place, and one that was already closed frees no other', async () => {
  const notifier = await openNotifier(bench)
  const [first, second, third] = await admitMany([notifier], 3, 2)
  await until('the first ended', () => first!.ended !== undefined)
  await first!.admission.close()
  await second!.admission.close()
  await until('one is left', async () => (await members()).length === 1)
  const fourth = await admit(notifier, 'ann', 2)
  expect(open([third!, fourth])).toEqual([true, true])
  await third!.admission.close()
  await fourth.admission.close()
  await until('nothing is left', async () => (await bench.raw.exists(CONNECTIONS)) === 0)
})

test('of many concurrent connections the bound stays, and Redis counts as many', async () => {
  const notifiers = await Promise.all([1, 2, 3].map(() => openNotifier(bench)))
  const guests = await Promise.all(
    Array.from({ length: 60 }, (_, at) => admit(notifiers[at % 3] as Notifier, 'ann', 5)),
  )
  await until('the others ended', () => open(guests).filter(Boolean).length === 5)
  expect(await members()).toHaveLength(5)
})

test('a connection that ends while it is being counted frees its place', async () => {
  const notifier = await openNotifier(bench)
  const guest = await admit(notifier, 'ann')
  const counting = guest.admission.limit(1)
  await guest.admission.close()
  await counting
  await until('nothing is left', async () => (await bench.raw.exists(CONNECTIONS)) === 0)
})

test('connections of a dead process push out no living one, and expire with their lease', async () => {
  const notifier = await openNotifier(bench)
  const living = await admit(notifier, 'ann', 2)
  const soon = Date.now() + 60_000
  // Newer than the living one, and of a process without a subscriber.
  await bench.raw.zadd(CONNECTIONS, soon, '09000000000000000:dead:1', soon, '09000000000000001:dead:2')
  const next = await admit(notifier, 'ann', 2)
  expect(open([living, next])).toEqual([true, true])
  expect(await members()).toHaveLength(2)
  expect((await members()).filter((member) => member.includes('dead'))).toEqual([])
  await bench.raw.zadd(CONNECTIONS, 1, '00000000000000001:dead:1')
  await admit(notifier, 'ann', 3)
  expect(await members()).toHaveLength(3)
  const left = await bench.raw.pttl(CONNECTIONS)
  expect(left > 0 && left <= 60_000).toBe(true)
})

test('members that another program added to a user’s connections push out none, and are removed', async () => {
  const notifier = await openNotifier(bench)
  const first = await admit(notifier, 'ann', 2)
  const soon = Date.now() + 60_000
  const foreign = [
    '',
    'x',
    `${' '.repeat(14)}inf:p:1`,
    `${' '.repeat(14)}nan:p:1`,
    '99999999999999999:p:1',
    '1:p:1',
  ]
  for (const member of foreign) await bench.raw.zadd(CONNECTIONS, soon, member)
  for (let at = 0; at < 200; at++) await bench.raw.zadd(CONNECTIONS, soon, `other ${at}`)
  const second = await admit(notifier, 'ann', 2)
  const third = await admit(notifier, 'ann', 2)
  await until('the first ended', () => first.ended === 'connections')
  expect(open([second, third])).toEqual([true, true])
  await admit(notifier, 'ann', 2)
  expect(await members()).toHaveLength(2)
})

test('a count of connections in a key of another type fails as not-done', async () => {
  const notifier = await openNotifier(bench)
  await bench.raw.set(CONNECTIONS, 'x')
  expect(await failure(admit(notifier, 'ann', 2))).toMatchObject({
    code: 'PENKNIFE_REJECTED',
    fate: 'not-done',
  })
  expect(await bench.raw.get(CONNECTIONS)).toBe('x')
})

test('a new connection is the newest also when the clock was set back', async () => {
  const notifier = await openNotifier(bench)
  const [first] = await admitMany([notifier], 1, 1)
  const [member] = await members()
  // As if it had been admitted tomorrow.
  await bench.raw.zrem(CONNECTIONS, member!)
  await bench.raw.zadd(CONNECTIONS, Date.now() + 60_000, member!.replace(/^\d+/, '09000000000000000'))
  const second = await admit(notifier, 'ann', 1)
  await until('the first ended', () => first!.ended === 'connections')
  expect(second.ended).toBeUndefined()
  expect((await members())[0]).toMatch(/^09000000000000001:/)
})

test('renewals restore the connections that Redis lost, in their old order', () =>
  withRenewals(async (renew) => {
    const notifiers = [await openNotifier(bench), await openNotifier(bench)]
    const guests = await admitMany(notifiers, 3, 3)
    const before = (await members()).toSorted()
    await bench.raw.del(CONNECTIONS)
    renew()
    await until('they are back', async () => (await members()).length === 3)
    expect((await members()).toSorted()).toEqual(before)
    await admit(notifiers[0]!, 'ann', 3)
    await until('the oldest ended', () => guests[0]!.ended === 'connections')
    expect(open(guests)).toEqual([false, true, true])
  }))

test('when a loss of data allowed too many connections, renewals close the oldest', () =>
  withRenewals(async (renew) => {
    const notifier = await openNotifier(bench)
    const guests = await admitMany([notifier], 2, 2)
    await bench.raw.del(CONNECTIONS)
    guests.push(...(await admitMany([notifier], 2, 2)))
    expect(open(guests)).toEqual([true, true, true, true])
    renew()
    await until('two ended', () => open(guests).filter(Boolean).length === 2)
    expect(open(guests)).toEqual([false, false, true, true])
  }))

test('a process that was cut off learns from its renewals which connections were replaced', () =>
  withRenewals(async (renew) => {
    const proxy = await startProxy(bench.server)
    const penknife = await openReady(pattern(proxy.url), { deadline: 500 })
    const cutOff = createNotifier(penknife.space('shop'), 'main')
    const notifier = await openNotifier(bench)
    const guests = await admitMany([cutOff], 2, 2)
    await proxy.leave()
    // A connection of an unreachable server does not count, and that server keeps its clients.
    guests.push(...(await admitMany([notifier], 2, 2)))
    renew()
    expect(open(guests)).toEqual([true, true, true, true])
    await proxy.comeBack()
    await until('it is back', async () => (await penknife.health()).status === 'ok')
    renew()
    await until('its own ended', () => open(guests).filter(Boolean).length === 2)
    expect(open(guests)).toEqual([false, false, true, true])
  }))

test('renewals keep a connection as long as it is open', () =>
  withRenewals(async (renew) => {
    const notifier = await openNotifier(bench)
    const guests = await admitMany([notifier], 12, 100)
    await bench.raw.pexpire(CONNECTIONS, 5000)
    renew()
    await until('the lease is long again', async () => (await bench.raw.pttl(CONNECTIONS)) > 55_000)
    for (const one of await members()) await bench.raw.zadd(CONNECTIONS, '9e12', one)
    renew()
    await until('each was renewed', async () => (await bench.raw.zcount(CONNECTIONS, '(8e12', '+inf')) === 0)
    expect(open(guests)).not.toContain(false)
  }))

test('a connection that was counted by a call without a reply is removed', async () => {
  const proxy = await startProxy(bench.server)
  const penknife = await openReady(pattern(proxy.url), { deadline: 300 })
  const notifier = createNotifier(penknife.space('shop'), 'main')
  const [first, gone] = await admitMany([notifier], 2, 3)
  // Loads the script on the server, because a call without an answer is not sent again.
  await gone!.admission.close()
  await until('one is counted', async () => (await members()).length === 1)
  const second = await admit(notifier, 'ann')
  proxy.swallowReplies()
  expect(await failure(second.admission.limit(3))).toMatchObject({ fate: 'unknown' })
  await until('one is counted', async () => (await members()).length === 1)
  expect(first!.ended).toBeUndefined()
  proxy.cut()
})

test('while Redis is away connections stay, and no new ones are counted', async () => {
  const server = await ownRedis({ persist: true })
  const proxy = await startProxy(server)
  const penknife = await openReady(pattern(proxy.url), { deadline: 300 })
  const notifier = createNotifier(penknife.space('shop'), 'main')
  const first = await admit(notifier, 'ann', 1)
  await proxy.leave()
  expect(isOutage(await failure(admit(notifier, 'ann', 1)))).toBe(true)
  await proxy.comeBack()
  await until('it is back', async () => (await penknife.health()).status === 'ok')
  expect(first.ended).toBeUndefined()
  await until('a new one is counted', () =>
    admit(notifier, 'ann', 1).then(
      () => true,
      () => false,
    ),
  )
  await until('the first ended', () => first.ended === 'connections')
})

test('a process follows its own channel only while it has counted connections', async () => {
  const notifier = await openNotifier(bench)
  const guest = await admit(notifier, 'ann', 1)
  const [member] = await members()
  const channel = `${PROCESS}${member!.split(':')[1]}`
  expect(await followers(bench.raw, channel)).toBe(1)
  await guest.admission.close()
  await until('it is let go', async () => (await followers(bench.raw, channel)) === 0)
})
