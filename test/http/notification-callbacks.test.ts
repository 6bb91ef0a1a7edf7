import type { NotificationsOptions } from '@penknife/http'
import { notificationsPlugin } from '@penknife/http/adapter'
import { call } from '@penknife/http/testkit'
import { expect, onTestFinished, test } from 'vitest'

import { warningsOf } from '../support/warnings.ts'
import { until } from '../support/until.ts'
import { frameworks } from './frameworks.ts'
import { start, useFeatures } from './setup.ts'
import { listen } from './sse.ts'

const features = useFeatures()
const warnings = warningsOf('PENKNIFE_CALLBACK')
const adapter = frameworks[0]!

/** Values that a callback in JavaScript, or with a cast, may return. */
const wrong = (answer: unknown): never => answer as never

async function serve(options: Partial<NotificationsOptions>) {
  const handler = notificationsPlugin.setup(features.notifier(), { channels: ['a', 'b'], ...options })
  return start(adapter, [handler])
}

test.each([
  ['text', 'no'],
  ['text that is a channel', 'a'],
  ['an object', { allowed: false }],
  ['an empty Set', new Set()],
  ['an Error', new Error('not allowed')],
  ['a number', 1],
  ['nothing', undefined],
  ['null', null],
  ['a list with something else in it', ['a', { allowed: false }]],
])('authorize that returns %s admits nobody, and that is reported once', async (_what, answer) => {
  const before = warnings.length
  const { url, errors } = await serve({ authorize: async () => wrong(answer) })
  expect((await call(url)).status).toBe(403)
  expect((await call(url)).status).toBe(403)
  await until('it is reported', () => warnings.length > before)
  expect([warnings.length - before, errors]).toEqual([1, []])
  expect(warnings.at(-1)).toMatch(
    /denies clients.*the answer of notifications authorize is .*return true, false/,
  )
})

test('authorize that returns false, or a list without the channels, refuses without a report', async () => {
  const before = warnings.length
  for (const answer of [false, [], ['c']]) {
    const { url } = await serve({ authorize: () => answer })
    expect((await call(url)).status).toBe(403)
  }
  expect(warnings.length).toBe(before)
})

test.each([true, ['a', 'b', 'c']])('authorize that returns %j admits a client', async (answer) => {
  const { url } = await serve({ authorize: () => answer })
  const client = await listen(url)
  await client.positioned()
  expect(client.events).toEqual([])
})

test('a channels or user function that returns something else is an error of the application, not of the client', async () => {
  const cases: Partial<NotificationsOptions>[] = [
    { channels: () => wrong('ab') },
    { channels: async () => wrong(undefined) },
    { channels: () => wrong([1]) },
    { user: () => wrong(null) },
    { user: async () => wrong(7) },
  ]
  for (const options of cases) {
    const { url, errors } = await serve(options)
    expect((await call(url)).status).toBe(500)
    expect(String(errors[0])).toMatch(/the answer of notifications (channels|user) is .*: return /)
  }
})

test.each(['channels', 'user', 'authorize'])(
  'a rejection of %s reaches error handling as an error, even with another value',
  async (name) => {
    for (const reason of [undefined, null, 'route', new Error('on purpose')]) {
      const { url, errors } = await serve({ [name]: () => Promise.reject(reason) })
      expect((await call(url)).status).toBe(500)
      expect(errors).toEqual([expect.any(Error)])
    }
  },
)

test.each([
  ['format', 'PENKNIFE_CALLBACK', /the result of notifications format is a promise/],
  ['views', 'PENKNIFE_NOTIFICATIONS', /the answer of notifications views is a promise/],
] as const)(
  '%s that is async is reported, and does not end the process when it rejects',
  async (name, code, text) => {
    const reports = warningsOf(code)
    const unhandled: unknown[] = []
    const note = (fault: unknown): unknown => unhandled.push(fault)
    process.on('unhandledRejection', note)
    onTestFinished(() => void process.off('unhandledRejection', note))
    const { url } = await serve({ channels: ['async'], [name]: async () => expect.fail('on purpose') })
    const client = await listen(url)
    if (name === 'format') {
      await client.positioned()
      await features.notifier().publish('async', 1)
      expect(await client.has(1)).toMatchObject([{ type: 'reset' }])
    }
    await until('it is reported', () => reports.length > 0)
    expect(reports).toEqual([expect.stringMatching(text)])
    expect(unhandled).toEqual([])
  },
)
