import {
  createNotifier,
  type Notifier,
  type NotifierSchemaOptions,
  type StandardSchema,
} from '@penknife/core'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { z } from 'zod'

import { record } from '../support/channels.ts'
import { failure, openReady } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import { pattern, useRedis } from '../support/redis.ts'

const bench = useRedis()

async function open<Schemas extends NotifierSchemaOptions['schemas']>(schemas: Schemas) {
  const penknife = await openReady(pattern(bench.server.url))
  return createNotifier(penknife.space('shop'), 'main', { schemas })
}

const LIBRARIES = {
  zod: {
    said: z.object({ text: z.string().trim().min(1) }),
    moved: z.object({ by: z.string().transform(Number).pipe(z.int()) }),
  },
  'zod, asynchronously': {
    said: z.object({ text: z.string().trim().min(1) }).refine(async () => true),
    moved: z.object({
      by: z
        .string()
        .transform(async (by) => Number(by))
        .pipe(z.int()),
    }),
  },
  valibot: {
    said: v.object({ text: v.pipe(v.string(), v.trim(), v.minLength(1)) }),
    moved: v.object({ by: v.pipe(v.string(), v.transform(Number), v.integer()) }),
  },
  'valibot, asynchronously': {
    said: v.objectAsync({ text: v.pipeAsync(v.string(), v.trim(), v.minLength(1)) }),
    moved: v.objectAsync({
      by: v.pipeAsync(
        v.string(),
        v.transformAsync(async (by) => Number(by)),
        v.integer(),
      ),
    }),
  },
}

test.each(Object.entries(LIBRARIES))(
  'with %s, published and nudged data is the schema’s output',
  async (_, schemas) => {
    const notifier = await open(schemas)
    const { data, received } = await record(notifier)
    await notifier.publish('room', { text: ' hello ' }, { type: 'said' })
    await notifier.nudge('room', { by: '7' }, { type: 'moved' })
    await received(2)
    expect(data()).toEqual([{ text: 'hello' }, { by: 7 }])
  },
)

test.each(Object.entries(LIBRARIES))(
  'with %s, data that does not fit is refused before anything is sent',
  async (_, schemas) => {
    const notifier = await open(schemas)
    for (const call of [
      notifier.publish('room', { text: ' ' }, { type: 'said' }),
      notifier.nudge('room', { text: ' ' }, { type: 'said' }),
      notifier.publish('room', { by: 'much' }, { type: 'moved' }),
      notifier.publish('room', 5 as never, { type: 'said' }),
    ]) {
      const error = await failure(call)
      expect(error).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'data', fate: 'not-done' })
      expect(error.message).toMatch(/^data does not fit the schema: /)
    }
    expect(await bench.raw.dbsize()).toBe(0)
  },
)

test.each([
  ['said', 'sayd', /did you mean 'said'/],
  ['nothing', 'entirely-else', /known are said, moved/],
  ['a property of every object', 'constructor', /known are said, moved/],
  ['the default type', undefined, /"message"/],
])('with schemas a type without one is refused: %s', async (_, type, fix) => {
  const notifier = (await open(LIBRARIES.zod)) as unknown as Notifier
  const options = type === undefined ? {} : { type }
  for (const call of [
    notifier.publish('room', { text: 'a' }, options),
    notifier.nudge('room', { text: 'a' }, options),
  ]) {
    const error = await failure(call)
    expect(error).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'type' })
    expect(error.message).toMatch(fix)
  }
  expect(await bench.raw.dbsize()).toBe(0)
})

test('the output of a schema must be JSON within 64 KiB too', async () => {
  const notifier = await open({
    message: z.object({ times: z.number() }).transform(({ times }) => 'x'.repeat(times)),
    wrong: z.string().transform(() => undefined),
  })
  await notifier.publish('room', { times: 64 * 1024 - 2 })
  for (const call of [
    notifier.publish('room', { times: 64 * 1024 - 1 }),
    notifier.publish('room', '', { type: 'wrong' }),
  ]) {
    expect(await failure(call)).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'data' })
  }
})

test('no publish waits for the schema of another event', async () => {
  const gate = deferred()
  const notifier = await open({
    message: z.string(),
    slow: z.string().refine(async () => gate.promise.then(() => true)),
  })
  const { data, received } = await record(notifier)
  const slow = notifier.publish('room', 'first', { type: 'slow' })
  await notifier.publish('room', 'second')
  gate.resolve()
  await slow
  await received(2)
  expect(data()).toEqual(['second', 'first'])
})

test('events whose schemas answer at once are sent in the order of the calls', async () => {
  const notifier = await open({ message: z.number(), other: z.number() })
  const { data, received } = await record(notifier)
  const wanted = Array.from({ length: 200 }, (_, at) => at)
  await Promise.all(wanted.map((at) => notifier.publish('room', at, at % 3 === 0 ? { type: 'other' } : {})))
  await received(200)
  expect(data()).toEqual(wanted)
})

test('a schema that throws refuses the data with its own error', async () => {
  const broken: StandardSchema = {
    '~standard': { version: 1, vendor: 'test', validate: () => Promise.reject(new Error('no database')) },
  }
  const notifier = await open({ message: broken })
  await expect(notifier.publish('room', 1)).rejects.toThrow('no database')
})

test.each([
  ['a list', [], 'schemas'],
  ['null', null, 'schemas'],
  ['none at all', {}, 'schemas'],
  ['what is no schema', { message: { parse: () => 1 } }, "schemas['message']"],
  ['undefined for a type', { message: undefined }, "schemas['message']"],
  ['a type that is no name', { 'a b': z.string() }, 'type'],
])('createNotifier refuses as schemas %s', async (_, schemas, option) => {
  const penknife = await openReady(pattern(bench.server.url))
  expect(() => createNotifier(penknife.space('shop'), 'main', { schemas: schemas as never })).toThrow(
    expect.objectContaining({ code: 'PENKNIFE_INVALID', option }),
  )
})
