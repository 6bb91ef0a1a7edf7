import { createObjects, type Fence, type Objects, type ObjectsOptions, record } from '@penknife/core'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { cases, until } from '../support/until.ts'

const bench = useRedis()
const KEY = 'pk1:{shop}:object:carts:ann'

interface Cart {
  readonly items: readonly string[]
  readonly total: number
  readonly note?: string
}

async function open<Value = Cart>(options: ObjectsOptions<Value> = {}): Promise<Objects<Value>> {
  const penknife = await openReady(pattern(bench.server.url))
  return createObjects<Value>(penknife.space('shop'), 'carts', options)
}

const version = async (carts: Objects<never> | Objects<Cart>): Promise<number> =>
  (await carts.get('ann'))?.version ?? 0

const fenceOf = (token: number): Fence => ({ key: 'ann', token })

test('a value is read as it was written, with a version that rises', async () => {
  const carts = await open()
  expect(await carts.get('ann')).toBeUndefined()
  const first = await carts.set('ann', { items: ['a'], total: 1 })
  expect(await carts.get('ann')).toEqual({ value: { items: ['a'], total: 1 }, version: await version(carts) })
  const second = await carts.set('ann', { items: [], total: 0 })
  if (!first.ok || !second.ok) throw new Error('refused')
  expect(second.version).toBeGreaterThan(first.version)
  expect(await bench.raw.pttl(KEY)).toBe(-1)
})

test.each([[1], ['text'], [[1, { a: null }]], [null], [{}], [{ ':v': 1 }], [{ 'a b': { c: [1] } }]])(
  'a value may be %j',
  async (value) => {
    const values = await open<unknown>()
    await values.set('ann', value)
    expect((await values.get('ann'))?.value).toEqual(value)
  },
)

test('compare-and-set writes over the version that the caller saw, and over no other', async () => {
  const carts = await open()
  expect(await carts.set('ann', { items: [], total: 0 }, { ifVersion: 5 })).toEqual({
    ok: false,
    reason: 'version',
    version: 0,
  })
  expect(await carts.set('ann', { items: [], total: 0 }, { ifVersion: 0 })).toMatchObject({ ok: true })
  const seen = await version(carts)
  expect(await carts.set('ann', { items: [], total: 1 }, { ifVersion: 0 })).toMatchObject({ version: seen })
  expect(await carts.set('ann', { items: [], total: 2 }, { ifVersion: seen })).toMatchObject({ ok: true })
  expect(await carts.delete('ann', { ifVersion: seen })).toMatchObject({ ok: false, reason: 'version' })
  expect((await carts.get('ann'))?.value.total).toBe(2)
})

test('a deleted value that is written again is not taken for the old one', async () => {
  const carts = await open()
  await carts.set('ann', { items: [], total: 0 })
  const seen = await version(carts)
  expect(await carts.delete('ann')).toEqual({ ok: true, version: seen })
  expect(await carts.delete('ann')).toEqual({ ok: true, version: 0 })
  await carts.set('ann', { items: [], total: 0 })
  expect(await carts.set('ann', { items: [], total: 1 }, { ifVersion: seen })).toMatchObject({ ok: false })
})

test('a value that is deleted and written again in one tick has a higher version', async () => {
  const carts = await open()
  const cart = { items: [], total: 0 }
  const [first, , again] = await Promise.all([
    carts.set('ann', cart),
    carts.delete('ann'),
    carts.set('ann', cart),
  ])
  if (!first.ok || !again.ok) throw new Error('refused')
  expect(again.version).toBeGreaterThan(first.version)
})

test('a write by the holder of an older lease is refused, also after a delete', async () => {
  const carts = await open()
  await carts.set('ann', { items: [], total: 0 }, { fence: fenceOf(7) })
  const refused = { ok: false, reason: 'fence', fence: 7 }
  expect(await carts.set('ann', { items: [], total: 1 }, { fence: fenceOf(6) })).toEqual(refused)
  expect(await carts.merge('ann', { total: 1 }, { fence: fenceOf(6) })).toEqual(refused)
  expect(await carts.increment('ann', 'total', 1, { fence: fenceOf(6) })).toEqual(refused)
  expect(await carts.delete('ann', { fence: fenceOf(6) })).toEqual(refused)
  expect(await carts.update('ann', () => ({ items: [], total: 1 }), { fence: fenceOf(6) })).toEqual(refused)
  expect(await carts.increment('ann', 'total', 1, { fence: fenceOf(7) })).toMatchObject({
    ok: true,
    value: 1,
  })
  await carts.delete('ann', { fence: fenceOf(8) })
  expect(await carts.get('ann')).toBeUndefined()
  expect(await carts.set('ann', { items: [], total: 1 }, { fence: fenceOf(7) })).toMatchObject({
    reason: 'fence',
  })
  expect(await carts.set('ann', { items: [], total: 1 }, { fence: fenceOf(9) })).toMatchObject({ ok: true })
})

test('a merge changes at most 100 fields, those that it removes included', async () => {
  const carts = await open<Record<string, number>>()
  const fields = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`f${at}`, at]))
  expect(await carts.merge('ann', fields)).toMatchObject({ ok: true })
  expect((await carts.get('ann'))?.value).toEqual(fields)
  const refused = { code: 'PENKNIFE_INVALID', message: expect.stringContaining('number of fields is 101') }
  await expect(carts.merge('ann', fields, { remove: ['gone'] })).rejects.toMatchObject(refused)
  await expect(carts.set('ann', { ...fields, more: 1 })).rejects.toMatchObject(refused)
})

test('fields are changed alone, with a floor and a ceiling', async () => {
  const carts = await open()
  await carts.set('ann', { items: ['a'], total: 1, note: 'x' })
  expect(await carts.merge('ann', { items: ['b'] }, { remove: ['note'] })).toMatchObject({ ok: true })
  expect((await carts.get('ann'))?.value).toEqual({ items: ['b'], total: 1 })
  expect(await carts.increment('ann', 'total', 2.5)).toMatchObject({ ok: true, value: 3.5 })
  expect(await carts.increment('ann', 'total', -4, { floor: 0 })).toEqual({
    ok: false,
    reason: 'floor',
    value: 3.5,
  })
  expect(await carts.increment('ann', 'total', 4, { ceiling: 7 })).toEqual({
    ok: false,
    reason: 'ceiling',
    value: 3.5,
  })
  expect(await carts.increment('ann', 'items')).toEqual({ ok: false, reason: 'not-a-number' })
  expect(await carts.increment('bob', 'total')).toMatchObject({ ok: true, value: 1 })
})

test.each([[['a']], ['text'], [null], [{ ':a': 1, b: 2 }]])(
  'the value %j is stored as a whole: it has no fields to change, and none of it is lost',
  async (value) => {
    const penknife = await openReady(pattern(bench.server.url))
    const space = penknife.space('shop')
    const objects = createObjects<Record<string, unknown>>(space, 'carts')
    await objects.set('ann', value as never)
    const refused = { ok: false, reason: 'not-an-object' }
    expect(await objects.merge('ann', { b: 3 })).toEqual(refused)
    expect(await objects.increment('ann', 'b')).toEqual(refused)
    const change = record(space, objects.merging('ann', { b: 3 }))
    expect(await change).toMatchObject({ ok: false, refused: [{ reason: 'not-an-object' }] })
    expect((await objects.get('ann'))?.value).toEqual(value)
    expect(await objects.set('ann', { b: 3 })).toMatchObject({ ok: true })
    expect(await objects.increment('ann', 'b')).toMatchObject({ ok: true, value: 4 })
  },
)

test('update loses no change, however many callers there are', async () => {
  const all = await Promise.all([open(), open(), open()])
  const updates = Array.from({ length: 60 }, (_, at) =>
    (all[at % 3] as Objects<Cart>).update(
      'ann',
      (cart) => ({ items: [...(cart?.items ?? []), String(at)], total: (cart?.total ?? 0) + 1 }),
      { attempts: 100 },
    ),
  )
  expect((await Promise.all(updates)).every(({ ok }) => ok)).toBe(true)
  const cart = (await all[0].get('ann'))?.value
  expect(cart?.total).toBe(60)
  expect(new Set(cart?.items).size).toBe(60)
})

test('update gives up after its attempts, and writes nothing when the function gives nothing', async () => {
  const carts = await open()
  expect(await carts.update('ann', () => undefined)).toEqual({ ok: false, reason: 'unchanged' })
  let calls = 0
  const answer = await carts.update(
    'ann',
    async () => {
      calls++
      await carts.set('ann', { items: [], total: calls })
      return { items: ['mine'], total: 0 }
    },
    { attempts: 3 },
  )
  expect(answer).toEqual({ ok: false, reason: 'conflict' })
  expect((await carts.get('ann'))?.value).toEqual({ items: [], total: 3 })
})

test('a schema refuses a wrong value before anything is sent', async () => {
  const schema: NonNullable<ObjectsOptions<Cart>['schema']> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) =>
        typeof (value as Cart).total === 'number'
          ? { value: value as Cart }
          : { issues: [{ message: 'no total' }] },
    },
  }
  const carts = await open({ schema, ttl: '1h' })
  expect((await failure(carts.set('ann', { items: [] } as never))).message).toMatch(/no total/)
  expect((await failure(carts.update('ann', () => ({ items: [] }) as never))).message).toMatch(/no total/)
  expect(await bench.raw.exists(KEY)).toBe(0)
  await carts.set('ann', { items: [], total: 1 })
  expect(await bench.raw.pttl(KEY)).toBeGreaterThan(3_000_000)
})

test('a hash that another program wrote is an error, and is left as it is', async () => {
  const carts = await open()
  await bench.raw.hset(KEY, ':v', 'x')
  expect(await failure(carts.set('ann', { items: [], total: 1 }))).toMatchObject({
    code: 'PENKNIFE_REJECTED',
    fate: 'not-done',
  })
  await bench.raw.hset(KEY, ':v', '1', 'total', '{')
  expect((await failure(carts.get('ann'))).code).toBe('PENKNIFE_BAD_REPLY')
})

test('fields expire by themselves where the server can do that', async () => {
  const carts = await open()
  await carts.set('ann', { items: ['a'], total: 1 })
  const write = () => carts.merge('ann', { note: 'x' }, { fieldTtl: '20ms' })
  if (!(await expiresFields())) {
    const error = await failure(write())
    expect(error).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'not-done' })
    expect(error.message).toMatch(/Redis 7.4 and Valkey 9/)
    expect((await carts.get('ann'))?.value).toEqual({ items: ['a'], total: 1 })
    return
  }
  const { version: made } = (await write()) as { version: number }
  await until('it expired', async () => (await carts.get('ann'))?.value.note === undefined)
  expect(await carts.get('ann')).toEqual({ value: { items: ['a'], total: 1 }, version: made })
  expect(await carts.increment('ann', 'total', 1, { fieldTtl: '1h' })).toMatchObject({ ok: true, value: 2 })
  expect(await bench.raw.call('HPTTL', KEY, 'FIELDS', 1, 'total')).toEqual([expect.any(Number)])
})

async function expiresFields(): Promise<boolean> {
  const [found] = (await bench.raw.call('COMMAND', 'INFO', 'HPEXPIRE')) as readonly unknown[]
  return found !== null
}

test('every write gives the answer of a plain object with a version', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const field = fc.constantFrom('a', 'b', 'c')
  const fence = fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined })
  const seen = fc.constantFrom('any' as const, 'right' as const, 'wrong' as const)
  const fields = fc.dictionary(field, fc.integer({ min: -5, max: 5 }), { maxKeys: 3 })
  const step = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), fields, seen, fence }),
    fc.record({
      kind: fc.constant('merge' as const),
      fields,
      remove: fc.array(field, { maxLength: 2 }),
      seen,
      fence,
    }),
    fc.record({
      kind: fc.constant('increment' as const),
      field,
      by: fc.integer({ min: -6, max: 6 }),
      seen,
      fence,
    }),
    fc.record({ kind: fc.constant('delete' as const), seen, fence }),
  )
  const property = fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
    await bench.raw.flushall()
    const objects = createObjects<Record<string, number>>(penknife.space('shop'), 'carts')
    let value: Record<string, number> | undefined
    let [last, highest] = [0, 0]
    let lastFence = 0
    for (const next of steps) {
      const options = {
        ...(next.fence === undefined ? {} : { fence: fenceOf(next.fence) }),
        ...(next.seen === 'any' ? {} : { ifVersion: next.seen === 'right' ? last : last + 1 }),
      }
      const answer =
        next.kind === 'set'
          ? await objects.set('ann', next.fields, options)
          : next.kind === 'merge'
            ? await objects.merge('ann', next.fields, { ...options, remove: next.remove })
            : next.kind === 'increment'
              ? await objects.increment('ann', next.field, next.by, { ...options, floor: -3, ceiling: 8 })
              : await objects.delete('ann', options)
      const sum = next.kind === 'increment' ? (value?.[next.field] ?? 0) + next.by : 0
      if (next.fence !== undefined && next.fence < lastFence)
        expect(answer).toMatchObject({ reason: 'fence' })
      else if (next.seen === 'wrong') expect(answer).toMatchObject({ reason: 'version', version: last })
      else if (next.kind === 'increment' && next.by < 0 && sum < -3)
        expect(answer).toMatchObject({ reason: 'floor' })
      else if (next.kind === 'increment' && next.by > 0 && sum > 8)
        expect(answer).toMatchObject({ reason: 'ceiling' })
      else {
        expect(answer.ok).toBe(true)
        lastFence = Math.max(lastFence, next.fence ?? 0)
        if (next.kind === 'delete') {
          value = undefined
          last = 0
        } else {
          if (next.kind === 'set') value = { ...next.fields }
          else if (next.kind === 'merge') {
            const left = Object.entries(value ?? {}).filter(
              ([name]) => !(next.remove as readonly string[]).includes(name),
            )
            value = { ...Object.fromEntries(left), ...next.fields }
          } else value = { ...value, [next.field]: sum }
          last = (answer as { version: number }).version
          expect(last).toBeGreaterThan(highest)
          highest = last
        }
      }
      expect(await objects.get('ann')).toEqual(value && { value, version: last })
    }
  })
  await fc.assert(property, cases(50, 2000))
}, 120_000)
