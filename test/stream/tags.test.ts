import { createStream, record, type Space, type Stream, type StreamOptions } from '@penknife/core'
import { batchWriterOf } from '@penknife/core/internal'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { createLocator } from '../../packages/core/src/stream/locate.ts'
import { createScope } from '../../packages/core/src/stream/scope.ts'
import { streamSettings } from '../../packages/core/src/stream/settings.ts'
import { failure, openReady } from '../support/connect.ts'
import { ORDERS } from '../support/orders.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { cases } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()
const INDEX = `${ORDERS}:tags`

interface Order {
  readonly user?: string | undefined
  readonly order?: number | undefined
}

const TAGS = ({ user, order }: Order): Order => ({ user, order })
const TAGGED = { groups: ['billing'], tags: TAGS as StreamOptions<Order>['tags'] } as StreamOptions<Order>

async function openSpace(): Promise<Space> {
  return (await openReady(pattern(bench.server.url))).space('shop')
}

async function openTagged(options: StreamOptions<Order> = TAGGED): Promise<Stream<Order>> {
  return createStream(await openSpace(), 'orders', options)
}

async function idsOf(stream: Stream<Order>, tags: Order): Promise<readonly string[]> {
  return (await stream.tagged({ ...tags }, { limit: 100 })).items.map(({ id }) => id)
}

/** The members that an index must have: for each entry, by its id, its tags. */
function membersOf(entries: ReadonlyMap<string, Order>): string[] {
  return [...entries].flatMap(([id, { user, order }]) => {
    const [ms = '', number = ''] = id.split('-')
    const place = `${String.fromCharCode(64 + ms.length)}${ms}${String.fromCharCode(64 + number.length)}${number}`
    const tags = [
      ...(user === undefined ? [] : [`user=${user}`]),
      ...(order === undefined ? [] : [`order=${order}`]),
    ]
    return [`\u0001${place}\u0001${tags.join('\u0001')}`, ...tags.map((tag) => `${tag}\u0001${place}`)]
  })
}

test.each<[string, StreamOptions<Order>, readonly string[]]>([
  ['a work queue', {}, ['add', 'many', 'once', 'later', 'record', 'high', 'replace', 'write']],
  [
    'a work queue with order by key',
    { order: { field: 'user' } },
    ['add', 'many', 'once', 'later', 'record', 'schedule'],
  ],
  ['a queue whose ids are free at the end', { dedup: { until: 'finished' } }, ['once', 'add', 'later']],
  [
    'an event log with two groups',
    { groups: ['billing', 'mail'], retain: { entries: 5 } },
    ['add', 'many', 'once', 'later', 'record', 'write', 'schedule'],
  ],
])('in %s every way of adding keeps the newest entries by their tags', async (_, more, ways) => {
  const space = await openSpace()
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          way: fc.constantFrom(...ways),
          user: fc.constantFrom('ann', 'bob'),
          order: fc.option(fc.nat(2), { nil: undefined }),
          id: fc.constantFrom('a', 'b'),
        }),
        { minLength: 3, maxLength: 25 },
      ),
      async (steps) => {
        await bench.raw.flushall()
        const stream = createStream<Order>(space, 'orders', { ...TAGGED, ...more, tagged: { entries: 6 } })
        const writer = batchWriterOf(stream)
        let batches = 0
        const model = new Map<string, Order>()
        const known = new Map<string, string>()
        const latest = new Map<string, string>()
        const put = (id: string, order: Order): void => {
          model.set(id, order)
          const [oldest = ''] = [...model.keys()].toSorted((a, b) => compare(a, b))
          if (model.size > 6) model.delete(oldest)
        }
        for (const { way, user, order, id } of steps) {
          const payload = { user, order }
          if (way === 'add') put(await stream.add(payload), payload)
          if (way === 'later') put(await stream.add(payload, { delay: '1h' }), payload)
          if (way === 'high') put(await stream.add(payload, { priority: 'high' }), payload)
          if (way === 'many') {
            for (const added of await stream.addMany([payload, payload])) put(added, payload)
          }
          if (way === 'once') {
            const added = await stream.add(payload, { id })
            if (known.get(id) === undefined) put(added, payload)
            else expect(added).toBe(known.get(id))
            known.set(id, added)
          }
          if (way === 'replace') {
            const added = await stream.add(payload, { id: `latest ${id}`, replace: true, delay: '1h' })
            expect(added).toBe(latest.get(id) ?? added)
            latest.set(id, added)
            model.delete(added)
            put(added, payload)
          }
          if (way === 'record') {
            const made = await record(
              space,
              stream.adding(payload),
              stream.adding({ ...payload, user: 'bob' }),
            )
            if (!made.ok) throw new Error('refused')
            put(made.results[0], payload)
            put(made.results[1], { ...payload, user: 'bob' })
          }
          if (way === 'schedule') {
            await stream.schedule('nightly', { every: '1d', payload })
            put((await stream.schedules.run('nightly')) as string, payload)
          }
          if (way === 'write') {
            const text = await writer!.toText(payload)
            await writer!.write(++batches, [text])
            const [last] = (await stream.read({ limit: 1, reverse: true })).items
            put(last!.id, payload)
          }
        }
        const members = await bench.raw.zrange(INDEX, 0, '-1')
        expect(members.toSorted()).toEqual(membersOf(model).toSorted())
        for (const tags of [{ user: 'ann' }, { user: 'bob' }, { order: 1 }, { user: 'ann', order: 1 }]) {
          const expected = [...model]
            .filter(([, entry]) =>
              Object.entries(tags).every(([name, value]) => entry[name as 'user'] === value),
            )
            .map(([id]) => id)
          expect(await idsOf(stream, tags)).toEqual(expected.toSorted((a, b) => compare(b, a)))
        }
      },
    ),
    cases(12, 300),
  )
})

function compare(a: string, b: string): number {
  const [[ms = 0, number = 0], [otherMs = 0, otherNumber = 0]] = [
    a.split('-').map(Number),
    b.split('-').map(Number),
  ]
  return ms - otherMs || number - otherNumber
}

test('an add with replace replaces the tags; one of a process without tags leaves them', async () => {
  const space = await openSpace()
  const stream = createStream(space, 'orders', TAGGED)
  const untagged = createStream<Order>(space, 'orders', { groups: ['billing'] })
  const edit = { id: 'order-7', delay: '1h', replace: true } as const
  const first = await stream.add({ user: 'ann' }, edit)
  expect(await stream.add({ user: 'bob' }, edit)).toBe(first)
  expect([await idsOf(stream, { user: 'ann' }), await idsOf(stream, { user: 'bob' })]).toEqual([[], [first]])
  expect(await untagged.add({ user: 'carl' }, edit)).toBe(first)
  const { items } = await stream.tagged({ user: 'bob' })
  expect(items).toMatchObject([{ id: first, payload: { user: 'carl' } }])
})

test('an entry is found with its state, page by page, until its tags are deleted', async () => {
  const stream = await openTagged({ ...TAGGED, tagged: { age: '1h' } })
  const ids: Record<string, string> = {}
  ids['waiting'] = await stream.add({ user: 'ann', order: 1 })
  ids['delayed'] = await stream.add({ user: 'ann', order: 2 }, { delay: '1h' })
  await stream.add({ user: 'bob', order: 3 })
  const { items, next } = await stream.tagged({ user: 'ann' }, { limit: 1 })
  expect(items).toMatchObject([
    { id: ids['delayed'], state: 'delayed', payload: { user: 'ann', order: 2 }, dueMs: expect.any(Number) },
  ])
  const second = await stream.tagged({ user: 'ann' }, { limit: 1, after: next as string })
  expect(second).toMatchObject({ items: [{ id: ids['waiting'], state: 'waiting' }], next: undefined })
  expect(await idsOf(stream, { user: 'ann', order: '2' as never })).toEqual([ids['delayed']])
  expect(await stream.tagged({ user: 'carl' })).toEqual({ items: [], next: undefined })

  let failing = await stream.add({ user: 'dan' }, { attempts: 1 })
  const started = startWorker(stream, 'billing', ({ payload }) => {
    if (payload.user === 'dan') throw new Error('card declined')
  })
  await started.saw('dead')
  expect(await stream.tagged({ user: 'dan' })).toMatchObject({
    items: [{ id: failing, state: 'dead', attempts: 1, payload: { user: 'dan' } }],
  })
  await started.worker.close()
  expect((await stream.tagged({ user: 'ann' })).items).toMatchObject([
    { id: ids['delayed'], state: 'delayed' },
    { id: ids['waiting'], state: 'gone', payload: undefined },
  ])
  // With the age of the stream the key expires, and the next add deletes what is older.
  expect(await bench.raw.pttl(INDEX)).toBeGreaterThan(3_590_000)
  await bench.raw.zadd(INDEX, 0, '\u0001A1A1\u0001user=eve', 1, 'user=eve\u0001A1A1')
  expect(await idsOf(stream, { user: 'eve' })).toEqual(['1-1'])
  failing = await stream.add({ user: 'dan' })
  expect(await idsOf(stream, { user: 'eve' })).toEqual([])
})

test('in a stream of several groups an entry is stored or gone', async () => {
  const stream = await openTagged({ ...TAGGED, retain: { entries: 10 } })
  const id = await stream.add({ user: 'ann' })
  expect((await stream.tagged({ user: 'ann' })).items).toEqual([
    {
      id,
      addedAtMs: Number.parseInt(id, 10),
      state: 'stored',
      attempts: 0,
      dueMs: undefined,
      payload: { user: 'ann' },
    },
  ])
  await bench.raw.xdel(ORDERS, id)
  expect((await stream.tagged({ user: 'ann' })).items).toMatchObject([{ state: 'gone', payload: undefined }])
})

test.each<[string, unknown, RegExp]>([
  ['throws', () => JSON.parse('{'), /^tags failed for a payload, so it was not added: .*; return \{\} for/],
  ['is async', async () => ({ user: 'ann' }), /^the result of tags is a promise: .* must not be async/],
  ['returns a list', () => ['ann'], /^the result of tags is an array: return an object/],
  ['returns a wrong name', () => ({ 'user name': 'ann' }), /^the name of a tag is "?'?user name/],
  [
    'returns an object as a value',
    () => ({ user: {} }),
    /^tag 'user' is an object: give a finite number, or/,
  ],
  ['returns null', () => ({ user: null }), /^tag 'user' is null: .* undefined for no tag/],
  ['returns a value that is too long', () => ({ user: 'x'.repeat(257) }), /^tag 'user' is/],
  ['returns a control character', () => ({ user: 'a\u0001b' }), /^tag 'user' is/],
  ['returns NaN', () => ({ user: Number.NaN }), /^tag 'user' is NaN/],
  [
    'returns nine tags',
    () => Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`t${at}`, at])),
    /^the result of tags is "9 tags": return at most 8/,
  ],
])('an add fails before anything is written when tags %s', async (_, tags, message) => {
  const stream = await openTagged({ groups: ['billing'], tags: tags as never })
  const calls = [
    () => stream.add({}),
    () => stream.addMany([{}]),
    () => stream.add({}, { id: 'a', delay: 5 }),
    () => stream.schedule('nightly', { every: '1d', payload: {} }),
    async () => stream.adding({}),
    async () => batchWriterOf(stream)!.toText({}),
  ]
  for (const call of calls) {
    expect(await failure(call())).toMatchObject({
      code: 'PENKNIFE_INVALID',
      message: expect.stringMatching(message),
    })
  }
  expect(await bench.raw.keys('*orders*')).toEqual([])
})

test('wrong options of tags are refused with a fix', async () => {
  const space = await openSpace()
  const create = (options: object) => async () => createStream(space, 'orders', options)
  expect(await failure(create({ tags: { user: 'ann' } })())).toMatchObject({ option: 'tags' })
  expect(await failure(create({ tagged: { entries: 0 } })())).toMatchObject({ option: 'entries' })
  expect(await failure(create({ tagged: { age: 10 } })())).toMatchObject({ option: 'age' })
  expect(await failure(create({ tagged: { entrie: 5 } })())).toMatchObject({
    message: expect.stringMatching(/did you mean 'entries'/),
  })
  const stream = await openTagged()
  for (const tags of [{}, [], 'user=ann', { user: undefined }, { user: '' }]) {
    expect(await failure(stream.tagged(tags as never))).toMatchObject({ code: 'PENKNIFE_INVALID' })
  }
  expect(await failure(stream.tagged({ user: undefined }))).toMatchObject({
    message: "tag 'user' is undefined: give the value to find entries by, or leave the tag out",
  })
  expect(await failure(stream.tagged({ user: 'ann' }, { limit: 101 }))).toMatchObject({ option: 'limit' })
  expect(await failure(stream.tagged({ user: 'ann' }, { after: 'x' }))).toMatchObject({ option: 'after' })
})

test('a key of the index with another type refuses every add, and nothing is written', async () => {
  const space = await openSpace()
  const stream = createStream<Order>(space, 'orders', TAGGED)
  await stream.schedule('nightly', { every: '1d', payload: { user: 'ann' } })
  await bench.raw.set(INDEX, 'x')
  const calls = [
    () => stream.add({ user: 'ann' }),
    () => stream.add({ user: 'ann' }, { id: 'a' }),
    () => stream.add({ user: 'ann' }, { priority: 'high' }),
    () => stream.add({ user: 'ann' }, { id: 'b', replace: true, delay: '1h' }),
    () => batchWriterOf(stream)!.write(1, ['{}']),
    () => record(space, stream.adding({ user: 'ann' })),
    () => stream.schedules.run('nightly'),
  ]
  for (const call of calls)
    expect(await failure(call())).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'not-done' })
  expect(await failure(stream.tagged({ user: 'ann' }))).toMatchObject({ code: 'PENKNIFE_REJECTED' })
  expect(await bench.raw.exists(ORDERS)).toBe(0)
})

test('a long value, a number and text of any alphabet are found, and share no key', async () => {
  const stream = await openTagged()
  const long = 'x'.repeat(256)
  const ids = new Map<string, string>()
  for (const user of [long, `${long.slice(1)}y`, '17', '\u05d0\u{1f600}', '<b>', '#a', 'a=b c;d']) {
    ids.set(user, await stream.add({ user }))
  }
  for (const [user, id] of ids) expect(await idsOf(stream, { user })).toEqual([id])
  expect(await idsOf(stream, { user: 17 as never })).toEqual([ids.get('17')])
})

test('a search that meets too many other entries ends, and says that it does not know', async () => {
  const stream = await openTagged()
  const id = await stream.add({ user: 'ann' })
  await bench.raw.xdel(ORDERS, id)
  const members = Array.from({ length: 3000 }, (_, at) => [9e12, `other ${at}`]).flat()
  await bench.raw.zadd(`${ORDERS}:delayed:billing`, ...(members as [number, string]))
  const locator = createLocator(createScope(await openSpace(), 'orders', streamSettings(TAGGED)))
  expect(await locator.show(id, { calls: 0 })).toMatchObject({ state: 'unknown' })
  expect(await stream.tagged({ user: 'ann' })).toMatchObject({ items: [{ state: 'gone' }] })
})

test('one page reads 1,000 entries of the first tag, and the next one goes on', async () => {
  const stream = await openTagged()
  await stream.addMany(Array.from({ length: 1500 }, (_, order) => ({ user: 'ann', order })))
  const first = await stream.tagged({ user: 'ann', order: 0 })
  expect(first).toMatchObject({ items: [], next: expect.any(String) })
  const second = await stream.tagged({ user: 'ann', order: 0 }, { after: first.next as string })
  expect(second).toMatchObject({ items: [{ payload: { order: 0 } }], next: undefined })
})

test('a stream without tags sends the arguments that it sent before', () => {
  expect(streamSettings({ groups: ['billing'] }).limits).toBe('1 0 0 0 0 0 0 billing')
  expect(streamSettings(TAGGED).limits).toBe('1 0 0 0 0 0 0 billing;10000 604800000')
})
