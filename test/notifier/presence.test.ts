import { createNotifier, createPresence, type PresenceOptions } from '@penknife/core'
import { expect, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { startProgram } from '../support/child.ts'
import { ownRedis, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

/** A process with a list of members and the notifier of its events. */
async function open(options: PresenceOptions = {}) {
  const space = (await openReady(pattern(bench.server.url))).space('shop')
  const notifier = createNotifier(space, 'main')
  const presence = createPresence(space, 'main', { grace: 0, announce: notifier, ...options })
  const seen: string[] = []
  await notifier.subscribe(['room'], {
    onEvent: (event) => {
      if (event.kind === 'message') seen.push(`${event.type} ${(event.data as { member: string }).member}`)
    },
  })
  return { presence, seen, notifier }
}

test('a member is present once, in however many connections and processes, and each change is an event', async () => {
  const [one, two] = [await open(), await open()]
  const ann = [one, one, two].map(({ presence }) => presence.join('room', 'ann'))
  await Promise.all(ann.map(({ joined }) => joined))
  const ben = two.presence.join('room', 'ben')
  await ben.joined
  const eve = two.presence.join('other', 'eve')
  await eve.joined
  expect(await one.presence.members('room')).toEqual({ count: 2, members: ['ann', 'ben'] })
  expect(await one.presence.count('other')).toBe(1)
  expect(await one.presence.members('nobody')).toEqual({ count: 0, members: [] })
  ann[0]?.leave()
  ann[0]?.leave()
  ann[2]?.leave()
  ben.leave()
  await until('ben left', async () => (await one.presence.count('room')) === 1)
  ann[1]?.leave()
  await until('all left', async () => (await one.presence.count('room')) === 0)
  const events = ['joined ann', 'joined ben', 'left ben', 'left ann']
  await until('the events', () => one.seen.length === 4 && two.seen.length === 4)
  expect([one.seen, two.seen]).toEqual([events, events])
  const back = one.presence.join('room', 'ann')
  await back.joined
  expect(await two.presence.members('room')).toEqual({ count: 1, members: ['ann'] })
})

test('a reload of a page is no leave: a member stays for the grace period', async () => {
  const { presence, seen } = await open({ grace: '1m' })
  const first = presence.join('room', 'grace')
  await first.joined
  first.leave()
  await presence.join('room', 'grace').joined
  expect(await presence.count('room')).toBe(1)
  const short = await open({ grace: 20 })
  const once = short.presence.join('room', 'short')
  await once.joined
  once.leave()
  await until('it left', () => short.seen.includes('left short'))
  expect(seen.filter((event) => event.endsWith('grace'))).toEqual(['joined grace'])
})

test('members of a killed process leave by themselves, others stay, and a large channel is counted', async () => {
  const { presence, seen } = await open({ lease: '3s' })
  const shared = presence.join('room', 'shared')
  await shared.joined
  const lost = Array.from({ length: 150 }, (_, nth) => `lost ${nth}`)
  const child = startProgram('present', [bench.server.url, 'shared', ...lost])
  expect(await child.next()).toBe('joined')
  expect(await presence.count('room')).toBe(151)
  expect((await presence.members('room', { limit: 10 })).members).toHaveLength(10)
  child.process.kill('SIGKILL')
  // Nobody reads: the renewals of this process find them.
  await until('they left', () => seen.filter((event) => event.startsWith('left lost')).length === 150, 8000)
  expect(await presence.members('room')).toEqual({ count: 1, members: ['shared'] })
  expect(seen).not.toContain('left shared')
})

test('members of a killed process leave for viewers too when no other process has a member, and nobody reads', async () => {
  const { presence, seen, notifier } = await open({ lease: '3s' })
  const child = startProgram('present', [bench.server.url, 'ann', 'ben'])
  expect(await child.next()).toBe('joined')
  expect(await presence.count('room')).toBe(2)
  child.process.kill('SIGKILL')
  await until('they left', () => seen.includes('left ann') && seen.includes('left ben'), 6000)
  expect((await notifier.history('room')).items).toHaveLength(4)
  // Nothing of the channel is left but its history.
  expect(await bench.raw.keys('*presence*')).toEqual([])
})

test('a closed process gives its members the grace period to come back elsewhere', async () => {
  const [one, two] = [await open({ grace: '1m' }), await open()]
  await Promise.all(['stays', 'moves'].map((member) => one.presence.join('room', member).joined))
  await one.presence.close()
  expect(() => one.presence.join('room', 'late')).toThrow("presence 'main' was closed")
  await two.presence.join('room', 'moves').joined
  expect(await two.presence.members('room')).toEqual({ count: 2, members: ['moves', 'stays'] })
  const gone = await open({ grace: 0 })
  await gone.presence.join('room', 'gone').joined
  await gone.presence.close()
  await until('it left', () => two.seen.includes('left gone'))
  expect(two.seen).toEqual(['joined stays', 'joined moves', 'joined gone', 'left gone'])
})

test('after Redis lost its data, or a part of them, members join again', async () => {
  const { presence } = await open({ lease: '3s' })
  await Promise.all(['ann', 'ben'].map((member) => presence.join('room', member).joined))
  await bench.raw.flushall()
  await until('they are back', async () => (await presence.count('room')) === 2, 8000)
  await bench.raw.del('pk1:{shop}:presence-counts:main:room')
  // Another member in the same process finds it at once.
  await presence.join('room', 'eve').joined
  await until('they are back', async () => (await presence.count('room')) === 3)
})

test('after Redis lost its last writes the members are those of now again, also for viewers', async () => {
  const { presence, seen } = await open({ lease: '3s' })
  const [ann, ben] = ['ann', 'ben'].map((member) => presence.join('room', member))
  await Promise.all([ann?.joined, ben?.joined])
  const keys = ['counts', 'entries', 'leases'].map((part) => `pk1:{shop}:presence-${part}:main:room`)
  const saved = await Promise.all(keys.map((key) => bench.raw.dumpBuffer(key)))
  // As many come as go: their number says nothing.
  ben?.leave()
  await until('ben left', () => seen.includes('left ben'))
  await presence.join('room', 'eve').joined
  for (const [at, key] of keys.entries()) await bench.raw.restore(key, 60_000, saved[at] as Buffer, 'REPLACE')
  expect((await presence.members('room')).members).toEqual(['ann', 'ben'])
  const now = async (): Promise<string> => (await presence.members('room')).members.join()
  await until('the members of now', async () => (await now()) === 'ann,eve', 10_000)
  expect(seen.filter((event) => event.endsWith('ann'))).toEqual(['joined ann'])
  await until('the events', () => seen.slice(-2).join() === 'joined eve,left ben')
})

test('a change after a loss of writes does not hide the loss', async () => {
  const { presence } = await open({ lease: '3s' })
  await presence.join('room', 'ann').joined
  const keys = ['counts', 'entries', 'leases'].map((part) => `pk1:{shop}:presence-${part}:main:room`)
  const saved = await Promise.all(keys.map((key) => bench.raw.dumpBuffer(key)))
  await presence.join('room', 'ben').joined
  for (const [at, key] of keys.entries()) await bench.raw.restore(key, 60_000, saved[at] as Buffer, 'REPLACE')
  await presence.join('room', 'cem').joined
  const now = async (): Promise<string> => (await presence.members('room')).members.join()
  expect(await now()).toBe('ann,cem')
  await until('all are there', async () => (await now()) === 'ann,ben,cem', 10_000)
})

test('while Redis is away nothing is lost: the members are those of now when it is back', async () => {
  const server = await ownRedis({ persist: true })
  const penknife = await openReady(pattern(server.url), { deadline: 100 })
  const presence = createPresence(penknife.space('shop'), 'main', { lease: '3s', grace: 0 })
  const before = presence.join('room', 'before')
  await before.joined
  await server.kill()
  const during = presence.join('room', 'during')
  before.leave()
  presence.join('room', 'short').leave()
  await server.start()
  await during.joined
  await until('it left', async () => (await presence.members('room')).members.join() === 'during', 8000)
})

test('who leaves during an outage longer than the lease leaves for viewers too', async () => {
  const { presence, seen } = await open({ lease: '3s' })
  const [stays, goes] = ['stays', 'goes'].map((member) => presence.join('room', member))
  await Promise.all([stays?.joined, goes?.joined])
  const leases = 'pk1:{shop}:presence-leases:main:room'
  for (const part of ['counts', 'entries', 'leases'])
    expect(await bench.raw.pttl(leases.replace('leases', part))).toBeGreaterThan(86_000_000)
  const [process] = await bench.raw.zrange(leases, '0', '0')
  await bench.raw.zadd(leases, '1', process as string)
  goes?.leave()
  // Somebody reads before the process is back: then its other member comes again.
  expect((await presence.members('room')).members).not.toContain('goes')
  await until('the other is there', async () => (await presence.count('room')) === 1)
  await until('the events', () => seen.at(-1) === 'joined stays')
  expect(seen.filter((event) => event.endsWith('goes'))).toEqual(['joined goes', 'left goes'])
})

test.each([
  [{ lease: '1s' }, 'lease'],
  [{ grace: '2m' }, 'grace'],
  [{ announce: {} }, 'announce is an object: give a notifier of the same space'],
  [{ leas: 1 }, "did you mean 'lease'"],
])('%j is refused', async (options, text) => {
  const space = (await openReady(pattern(bench.server.url))).space('shop')
  expect(() => createPresence(space, 'main', options as never)).toThrow(text)
})

test('names are checked, and a notifier of another space is refused', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const other = createNotifier(penknife.space('other'), 'main')
  expect(() => createPresence(penknife.space('shop'), 'main', { announce: other })).toThrow('same space')
  const presence = createPresence(penknife.space('shop'), 'main')
  expect(() => presence.join('a*', 'ann')).toThrow("give a name without '*'")
  expect(() => presence.join('a', 'x'.repeat(257))).toThrow('give 1 to 256 characters')
  await expect(presence.members('a', { limit: 0 })).rejects.toThrow('limit is 0')
})
