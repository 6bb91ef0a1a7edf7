import { createNotifier } from '@penknife/core'
import { expect, test, vi } from 'vitest'

import { followers, record, numbers, openNotifier, publishNumbers } from '../support/channels.ts'
import { failure, openReady } from '../support/connect.ts'
import { startProxy } from '../support/proxy.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { nextTurn, until } from '../support/until.ts'

const bench = useRedis()

test('closing penknife ends its subscriptions', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  await record(createNotifier(penknife.space('shop'), 'main'))
  expect(await followers(bench.raw)).toBe(1)
  await penknife.close()
  await until('the server forgot it', async () => (await followers(bench.raw)) === 0)
})

test('subscriptions that are catching up when penknife closes stop without a warning', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const publisher = await openNotifier(bench, { history: 10_000 })
  await publishNumbers(publisher, 3000)
  const penknife = await openReady(pattern(bench.server.url))
  const notifier = createNotifier(penknife.space('shop'), 'main')
  const all = await Promise.all(numbers(20).map(() => record(notifier, '-')))
  await penknife.close()
  const seen = all.map(({ events }) => events.length)
  expect(seen.some((count) => count < 3000)).toBe(true)
  await publishNumbers(publisher, 1)
  await nextTurn()
  expect(all.map(({ events }) => events.length)).toEqual(seen)
  expect(warn.mock.calls.filter(([said]) => /closed/.test(String(said)))).toEqual([])
})

test('an iterator that waits when penknife closes delivers its events, and then fails with PENKNIFE_CLOSED', async () => {
  const publisher = await openNotifier(bench)
  const penknife = await openReady(pattern(bench.server.url))
  const events = createNotifier(penknife.space('shop'), 'main').events(['room'], { from: { room: '-' } })
  await publishNumbers(publisher, 2)
  const seen: unknown[] = []
  const reading = (async () => {
    for await (const event of events) seen.push(event.kind === 'message' && event.data)
  })()
  await until('it waits', () => seen.length === 2)
  await penknife.close()
  expect(await failure(reading)).toMatchObject({ code: 'PENKNIFE_CLOSED' })
  expect(seen).toEqual([0, 1])
  expect(await events.next()).toEqual({ done: true, value: undefined })
})

test('an iterator that ended is not kept in memory', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const events = createNotifier(penknife.space('shop'), 'main').events(['room'])
  const waiting = events.next()
  await until('it follows', async () => (await followers(bench.raw)) === 1)
  await events.return!()
  expect(await waiting).toEqual({ done: true, value: undefined })
  await penknife.close()
})

test('closing while Redis is away leaves nothing to wait for', async () => {
  const proxy = await startProxy(bench.server)
  const penknife = await openReady(pattern(proxy.url), { deadline: 300 })
  const notifier = createNotifier(penknife.space('shop'), 'main')
  const { subscription } = await record(notifier)
  await proxy.leave()
  await subscription.close()
  await penknife.close()
})

test('a subscription, an iterator and an admission end with await using, too', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const notifier = createNotifier(penknife.space('shop'), 'main')
  const { subscription } = await record(notifier)
  const events = notifier.events(['room'])
  const admission = await notifier.admit('ann', { onRevoked() {}, onEnd() {} })
  expect(() => subscription.close({ deadline: 'soon' as never })).toThrow(/deadline is "soon"/)
  await subscription[Symbol.asyncDispose]()
  await events[Symbol.asyncDispose]()
  await admission[Symbol.asyncDispose]()
  await admission.close({ deadline: '1s' })
  expect(await events.next()).toEqual({ done: true, value: undefined })
  await until('nothing is followed', async () => (await followers(bench.raw)) === 0)
  await penknife.close()
})
