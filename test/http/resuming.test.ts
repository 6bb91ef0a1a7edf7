import type { Notifier } from '@penknife/core'
import type { Handler, NotificationsOptions } from '@penknife/http'
import { describe, expect, test } from 'vitest'

import { until } from '../support/until.ts'
import { frameworks } from './frameworks.ts'
import { queriedChannels } from './queried-channels.ts'
import { start, useFeatures } from './setup.ts'
import { listen } from './sse.ts'

const features = useFeatures()

function handlerOf(
  options: Partial<NotificationsOptions> = {},
  notifier: Notifier = features.notifier(),
): Handler {
  return queriedChannels(notifier, options)
}

describe.each(frameworks)('resuming notifications on $name', (adapter) => {
  test('a client that reconnects with its last id sees every event after it once, in order', async () => {
    const notifier = features.notifier()
    const { url } = await start(adapter, [handlerOf({}, notifier)])
    const address = `${url}/?channel=a&channel=user:%C3%BC%26b=1`
    const seen: unknown[] = []
    let lastId: string | undefined
    const published: unknown[] = []
    for (let round = 0; round < 4; round++) {
      const client = await listen(address, lastId)
      await client.positioned()
      for (let nth = 0; nth < 5; nth++) {
        published.push([round, nth])
        await notifier.publish(nth % 2 === 0 ? 'a' : 'user:ü&b=1', [round, nth])
      }
      // It disconnects in the middle. The next round has the remaining events, and two that were published in
      // between.
      const events = await client.has(round === 0 ? 3 : 6)
      client.leave()
      const taken = events.slice(0, round === 0 ? 3 : 6)
      for (const { data } of taken) seen.push((data as { data: unknown }).data)
      lastId = taken.at(-1)?.id
      published.push([round, 'away'])
      await notifier.publish('a', [round, 'away'])
    }
    const last = await listen(address, lastId)
    const rest = published.length - seen.length
    for (const { data } of (await last.has(rest)).slice(0, rest)) seen.push((data as { data: unknown }).data)
    const of = (list: unknown[], odd: boolean): unknown[] =>
      list.filter((item) => (Number((item as unknown[])[1]) % 2 === 1) === odd)
    // Order is a channel's own.
    expect(of(seen, false)).toEqual(of(published, false))
    expect(of(seen, true)).toEqual(of(published, true))
    expect(last.events.some(({ type }) => type === 'reset')).toBe(false)
  })

  test('a client that was cut off before its first event misses nothing', async () => {
    const notifier = features.notifier()
    await notifier.publish('a', 'old')
    const { url } = await start(adapter, [handlerOf({}, notifier)])
    const first = await listen(`${url}/?channel=a&channel=quiet`)
    await first.positioned()
    expect(first.events).toEqual([])
    first.leave()
    await notifier.publish('a', 'new')
    await notifier.publish('quiet', 'first')
    const again = await listen(`${url}/?channel=a&channel=quiet`, first.lastId)
    expect((await again.has(2)).map(({ data }) => data)).toEqual(
      expect.arrayContaining([
        { channel: 'a', data: 'new' },
        { channel: 'quiet', data: 'first' },
      ]),
    )
  })

  test('a page joins and leaves channels by a second request with its cursor, and misses nothing', async () => {
    const notifier = features.notifier()
    const { url } = await start(adapter, [handlerOf({}, notifier)])
    const first = await listen(`${url}/?channel=a&channel=b`)
    await first.positioned()
    await notifier.publish('b', 1)
    await first.has(1)
    first.leave()
    await notifier.publish('b', 2)
    await notifier.publish('c', 'before')
    const cursor = encodeURIComponent(`${first.lastId}&c=&d=`)
    const second = await listen(`${url}/?channel=b&channel=c&channel=d&lastEventId=${cursor}`)
    await second.has(1)
    await notifier.publish('a', 'left')
    await notifier.publish('c', 3)
    await notifier.publish('d', 4)
    expect((await second.has(3)).map(({ type, data }) => [type, data])).toEqual([
      ['message', { channel: 'b', data: 2 }],
      ['message', { channel: 'c', data: 3 }],
      ['message', { channel: 'd', data: 4 }],
    ])
    // A browser repeats the address: its own cursor counts then.
    second.leave()
    await notifier.publish('c', 5)
    const again = await listen(`${url}/?channel=b&channel=c&channel=d&lastEventId=${cursor}`, second.lastId)
    expect((await again.has(1)).map(({ type, data }) => [type, data])).toEqual([
      ['message', { channel: 'c', data: 5 }],
    ])
  })

  test('the last id may also be in the URL, and the header has precedence', async () => {
    const notifier = features.notifier()
    const { url } = await start(adapter, [handlerOf({}, notifier)])
    const client = await listen(`${url}/?channel=a`)
    await client.positioned()
    for (const nth of [1, 2, 3]) await notifier.publish('a', nth)
    const [first, second] = await client.has(3)
    const address = `${url}/?channel=a&lastEventId=${encodeURIComponent(first?.id ?? '')}`
    const byAddress = await listen(address)
    const byHeader = await listen(address, second?.id)
    expect((await byAddress.has(2)).map(({ data }) => (data as { data: unknown }).data)).toEqual([2, 3])
    expect((await byHeader.has(1)).map(({ data }) => (data as { data: unknown }).data)).toEqual([3])
  })

  test('of several last ids the newest valid one counts, and an empty header is ignored', async () => {
    const notifier = features.notifier()
    const { url, errors } = await start(adapter, [handlerOf({}, notifier)])
    const client = await listen(`${url}/?channel=a&channel=b`)
    await client.positioned()
    for (const nth of [1, 2, 3]) await notifier.publish('a', nth)
    const [older, newer] = (await client.has(3)).map(({ id }) => id) as [string, string]
    const cases: readonly [url: readonly string[], header?: string][] = [
      [[older, newer]],
      [[newer, older]],
      [[newer, 'garbage', '']],
      [[newer], ''],
      [[newer], 'garbage'],
      [[older], newer],
      [[older], `${older}, ${newer}`],
      [[], `${newer}, ${older}`],
    ]
    for (const [inUrl, header] of cases) {
      const query = inUrl.map((id) => `&lastEventId=${encodeURIComponent(id)}`).join('')
      const back = await listen(`${url}/?channel=a&channel=b${query}`, header)
      await back.has(1)
      const reports = back.events.map(({ type, data }) => [type, (data as { data: unknown }).data])
      expect([query, header, reports]).toEqual([query, header, [['message', 3]]])
      back.leave()
    }
    expect(errors).toEqual([])
  })

  test('lost history is reported by a reset, and live events follow', async () => {
    const notifier = features.notifier({ history: 2 })
    const { url } = await start(adapter, [handlerOf({}, notifier)])
    const client = await listen(`${url}/?channel=a&channel=b`)
    await client.positioned()
    client.leave()
    await Promise.all(Array.from({ length: 300 }, (_, nth) => notifier.publish('a', nth)))
    const again = await listen(`${url}/?channel=a&channel=b`, client.lastId)
    await again.has(1)
    await notifier.publish('b', 'live')
    await notifier.publish('a', 'live')
    expect((await again.has(3)).map(({ type, data }) => [type, data])).toEqual([
      ['reset', { channel: 'a' }],
      ['message', { channel: 'b', data: 'live' }],
      ['message', { channel: 'a', data: 'live' }],
    ])
    const third = await listen(`${url}/?channel=a&channel=b`, again.events[0]?.id)
    expect((await third.has(2)).map(({ type }) => type)).toEqual(['message', 'message'])
  })

  test('a garbled or forged last id counts as lost history, and opens no other channel', async () => {
    const notifier = features.notifier()
    await notifier.publish('a', 'past')
    await notifier.publish('secret', 'past')
    const { url, errors } = await start(adapter, [handlerOf({}, notifier)])
    const forged = [
      'garbage',
      'a=1-1-1',
      'a=-',
      'a=%2B',
      'a=$',
      'a=99999999999999999999-1',
      'a=1-99999999999999999999',
      '%',
      '%E0%A4%A',
      'secret=0-0',
      'constructor=1-1&__proto__=1-1',
      `a=${'1'.repeat(5000)}-1`,
      `${'x=1-1&'.repeat(900)}a=1-1`,
      '\u00ff\u00fe=1-1',
      'a=1-7',
    ]
    for (const id of forged) {
      const client = await listen(`${url}/?channel=a`, id)
      expect([id, (await client.has(1)).map(({ type, data }) => [type, data])]).toEqual([
        id,
        [['reset', { channel: 'a' }]],
      ])
      await notifier.publish('a', id)
      expect((await client.has(2))[1]?.data).toEqual({ channel: 'a', data: id })
      client.leave()
    }
    const odd = await listen(`${url}/?channel=constructor&channel=__proto__`, 'constructor=1-1')
    expect((await odd.has(2)).map(({ type }) => type)).toEqual(['reset', 'reset'])
    expect(errors).toEqual([])
  })
})

test('a client with megabytes of history gets all of it, in one connection or several', async () => {
  const adapter = frameworks[0]
  if (!adapter) throw new Error('no framework')
  const notifier = features.notifier()
  const { url } = await start(adapter, [handlerOf({}, notifier)])
  const first = await listen(`${url}/?channel=a&channel=b`)
  await first.positioned()
  first.leave()
  const filler = 'x'.repeat(60_000)
  for (let nth = 0; nth < 50; nth++) await notifier.publish(nth % 10 === 9 ? 'b' : 'a', { nth, filler })
  const seen: number[] = []
  let { lastId } = first
  while (seen.length < 50) {
    const client = await listen(`${url}/?channel=a&channel=b`, lastId)
    await until(
      'the stream ended or is complete',
      () => client.ended || seen.length + client.events.length >= 50,
    )
    for (const { type, data } of client.events) {
      expect(type).toBe('message')
      seen.push((data as { data: { nth: number } }).data.nth)
    }
    lastId = client.lastId
    client.leave()
  }
  const isB = (nth: number): boolean => nth % 10 === 9
  expect(seen.filter((nth) => !isB(nth))).toEqual(
    Array.from({ length: 50 }, (_, nth) => nth).filter((nth) => !isB(nth)),
  )
  expect(seen.filter(isB)).toEqual([9, 19, 29, 39, 49])
})
