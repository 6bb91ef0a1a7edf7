import { type Notifier, PenknifeError } from '@penknife/core'
import type { Handler, NotificationsOptions } from '@penknife/http'
import { notificationsPlugin } from '@penknife/http/adapter'
import { call, httpGet, raw } from '@penknife/http/testkit'
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

/** A client on fetch. `over` resolves when the stream has ended, and rejects with the error that broke it. */
async function fetching(url: string) {
  const response = await fetch(url)
  let text = ''
  async function read(): Promise<'ended'> {
    for await (const bytes of response.body as AsyncIterable<Uint8Array>)
      text += Buffer.from(bytes).toString()
    return 'ended'
  }
  const over = read()
  over.catch(() => {})
  return { over, has: (part: string) => until(part, () => text.includes(part)) }
}

describe.each(frameworks)('notifications on $name', (adapter) => {
  test('a client gets every event of its channels and of no others, as it is published', async () => {
    const notifier = features.notifier()
    const { url } = await start(adapter, [handlerOf({}, notifier)])
    const client = await listen(`${url}/?channel=a&channel=b`)
    await client.positioned()
    await notifier.publish('a', { text: 'zwölf\nlines "quoted"' }, { type: 'badge' })
    await notifier.publish('other', 1)
    await notifier.publish('b', [1, null])
    await notifier.nudge('a', 'now')
    expect((await client.has(3)).map(({ type, data }) => [type, data])).toEqual([
      ['badge', { channel: 'a', data: { text: 'zwölf\nlines "quoted"' } }],
      ['message', { channel: 'b', data: [1, null] }],
      ['message', { channel: 'a', data: 'now' }],
    ])
  })

  test('the headers keep proxies and compressors from delaying events', async () => {
    const { url } = await start(adapter, [handlerOf()])
    const { response } = await listen(`${url}/?channel=a`)
    expect(response.statusCode).toBe(200)
    expect(response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
  })

  test('a client on fetch distinguishes a cut from an end, alone and among others', async () => {
    const notifier = features.notifier()
    const handler = handlerOf({}, notifier)
    const { url, responses } = await start(adapter, [handler])
    const clients = []
    for (let nth = 0; nth < 3; nth++) clients.push(await fetching(`${url}/?channel=a`))
    for (const client of clients) await client.has('id: a=')
    for (const text of ['one', 'zwölf']) {
      await notifier.publish('a', text)
      for (const client of clients) await client.has(`"data":"${text}"`)
    }
    const [cut, ...others] = clients
    responses[0]?.req.socket.destroy()
    await expect(cut?.over).rejects.toThrow('terminated')
    await notifier.publish('a', 'last')
    for (const client of others) await client.has('"data":"last"')
    await handler.close?.(10_000)
    expect(await Promise.all(others.map(({ over }) => over))).toEqual(['ended', 'ended'])
  })

  test('a client of HTTP/1.0 gets no bytes but the events', async () => {
    const notifier = features.notifier()
    const { url } = await start(adapter, [handlerOf({}, notifier)])
    // Another one beside it, whose frames are shared.
    const modern = await listen(`${url}/?channel=a`)
    const old = raw(url, httpGet('/?channel=a', '1.0'))
    await modern.positioned()
    await until('a position', () => old.text.includes('id: a='))
    for (const text of ['one', 'two']) {
      await notifier.publish('a', text)
      await until('the event', () => old.text.includes(`"data":"${text}"`))
    }
    await modern.has(2)
    const [head = '', ...body] = old.text.split('\r\n\r\n')
    old.socket.destroy()
    expect(head).not.toMatch(/transfer-encoding/i)
    expect(body.join('').replaceAll(/^(retry: \d+|id: \S+|event: message|data: \{.*\}|)\n/gm, '')).toBe('')
  })

  test('a client that may not follow a channel is refused with 403 and not subscribed', async () => {
    const handler = handlerOf({
      authorize: async (exchange, [channel]) => exchange.header('x-user') === channel,
    })
    const { url } = await start(adapter, [handler])
    const { status, headers } = await call(`${url}/?channel=ann`, { headers: { 'x-user': 'ben' } })
    expect([status, headers['content-type']]).toEqual([403, 'application/problem+json'])
  })

  test('invalid channel names in a request are 400, a wrong method is 405', async () => {
    const { url, errors } = await start(adapter, [handlerOf()])
    const long = 'x'.repeat(9000)
    const many = Array.from({ length: 200 }, (_, nth) => `channel=number-${nth}`).join('&')
    for (const query of [
      '',
      '?channel=',
      '?channel=a%00b',
      `?channel=${long}`,
      '?channel=%7Ba%7D',
      '?channel=user:*',
      `?${many}`,
    ]) {
      expect([query, (await call(`${url}/${query}`)).status]).toEqual([query, 400])
    }
    const posted = await call(`${url}/?channel=a`, { method: 'POST' })
    expect([posted.status, posted.headers['allow']]).toEqual([405, 'GET, HEAD'])
    expect((await call(`${url}/?channel=a`, { method: 'HEAD' })).headers['content-type']).toMatch(
      /event-stream/,
    )
    expect(errors).toEqual([])
  })

  test('a client that disconnects is no longer subscribed, and causes no error', async () => {
    let open = 0
    const notifier = features.notifier()
    const counting: Notifier = {
      ...notifier,
      subscribe: async (...args) => {
        const subscription = await notifier.subscribe(...args)
        const close = subscription.close.bind(subscription)
        open++
        return Object.assign(subscription, {
          close: () => {
            open--
            return close()
          },
        })
      },
    }
    const { url, errors } = await start(adapter, [handlerOf({}, counting)])
    const client = await listen(`${url}/?channel=a`)
    await client.positioned()
    expect(open).toBe(1)
    client.leave()
    await until('the subscription is closed', () => open === 0)
    expect(errors).toEqual([])
  })

  test('close sends clients a time to reconnect, and later clients too', async () => {
    const handler = handlerOf({ retry: '2s' })
    const { url } = await start(adapter, [handler])
    const clients = await Promise.all([1, 2, 3].map(() => listen(`${url}/?channel=a`)))
    for (const client of clients) await client.positioned()
    await handler.close?.(10_000)
    clients.push(await listen(`${url}/?channel=a`))
    for (const client of clients) {
      await until('the stream ended', () => client.ended)
      expect(client.response.statusCode).toBe(200)
      for (const retry of client.retries) expect(retry >= 1000 && retry <= 3000).toBe(true)
    }
    expect(clients.map(({ retries }) => retries.length)).toEqual([2, 2, 2, 1])
  })

  test('while Redis is away a client gets a time to reconnect, and is not refused for good', async () => {
    const away: Notifier = {
      ...features.notifier(),
      subscribe: () => Promise.reject(new PenknifeError('PENKNIFE_UNAVAILABLE', 'away')),
    }
    const { url, errors } = await start(adapter, [handlerOf({}, away)])
    const { status, text } = await call(`${url}/?channel=a`)
    expect([status, text]).toEqual([200, expect.stringMatching(/^retry: \d+\n\n$/)])
    expect(errors).toEqual([])
  })

  test('idle clients get a heartbeat', async () => {
    const { url } = await start(adapter, [handlerOf({ heartbeat: 20 })])
    const clients = await Promise.all([1, 2].map(() => listen(`${url}/?channel=a`)))
    for (const client of clients) await until('two comments', () => client.comments >= 2)
  })
})

test('retry: false and heartbeat: false switch both off, also for the farewell', async () => {
  const adapter = frameworks[0]
  if (!adapter) throw new Error('no framework')
  const notifier = features.notifier()
  const handler = handlerOf({ retry: false, heartbeat: false }, notifier)
  const { url } = await start(adapter, [handler])
  const other = await start(adapter, [handlerOf({ heartbeat: 10 }, notifier)])
  const client = await listen(`${url}/?channel=a`)
  const beaten = await listen(`${other.url}/?channel=a`)
  await client.positioned()
  await until('three heartbeats', () => beaten.comments >= 3)
  expect(client.comments).toBe(0)
  await handler.close?.(10_000)
  await until('it ended', () => client.ended)
  const late = await listen(`${url}/?channel=a`)
  await until('it ended', () => late.ended)
  expect([late.response.statusCode, client.retries, late.retries]).toEqual([200, [], []])
})

test('wrong options are refused at set-up', () => {
  const refused =
    (options: object): (() => unknown) =>
    () =>
      notificationsPlugin.setup(features.notifier(), options as NotificationsOptions)
  expect(refused({ channels: ['a'], authorise: () => true })).toThrow(/did you mean 'authorize'/)
  expect(refused({})).toThrow(/notifications channels is undefined: give a list/)
  expect(refused({ channels: [] })).toThrow(/give a list of at least one channel/)
  expect(refused({ channels: null })).toThrow(/channels is null/)
  for (const channel of ['', 'a\n', '{a}', 'x'.repeat(129), 7, null, 'ann\ud83d']) {
    expect(refused({ channels: ['a', channel] })).toThrow(/notifications channels is /)
  }
  expect(refused({ channels: ['a*'] })).toThrow(/notifications channels is "a\*": give a name without '\*'/)
  const many = Array.from({ length: 100 }, (_, nth) => `${'x'.repeat(100)}${nth}`)
  expect(refused({ channels: many })).toThrow(/give fewer or shorter names/)
  expect(refused({ channels: ['a'], retry: '2 weeks' })).toThrow(/notifications retry is "2 weeks"/)
  expect(refused({ channels: ['a'], heartbeat: 0 })).toThrow(/heartbeat is 0: give false to switch it off/)
  for (const option of ['authorize', 'user', 'perUser', 'retry', 'heartbeat', 'stall']) {
    expect(refused({ channels: ['a'], [option]: null })).toThrow(
      new RegExp(`${option} is null: give a value, or leave it out for the default`),
    )
  }
})
