import type { Notifier } from '@penknife/core'
import type { Exchange, Handler, NotificationsOptions } from '@penknife/http'
import { notificationsPlugin } from '@penknife/http/adapter'
import { call } from '@penknife/http/testkit'
import { EventSource } from 'eventsource'
import { describe, expect, test } from 'vitest'

import { followers } from '../support/channels.ts'
import { deferred } from '../support/deferred.ts'
import { nextTurn, until } from '../support/until.ts'
import { frameworks } from './frameworks.ts'
import { start, useFeatures } from './setup.ts'
import { listen, type SseClient } from './sse.ts'

const features = useFeatures()

const userOf = ({ query }: Exchange): string | undefined => query.get('user') ?? undefined
const channelsOf = ({ query }: Exchange): string[] => query.getAll('channel')

function handlerOf(notifier: Notifier, options: Partial<NotificationsOptions> = {}): Handler {
  return notificationsPlugin.setup(notifier, { channels: channelsOf, user: userOf, ...options })
}

const reported = ({ events }: SseClient): unknown[] => events.map(({ type, data }) => [type, data])

async function connected(url: string, lastId?: string): Promise<SseClient> {
  const client = await listen(url, lastId)
  await client.positioned()
  return client
}

describe.each(frameworks)('users of notifications on $name', (adapter) => {
  test('a revocation closes just its channel, and the client continues with the others', async () => {
    const notifier = features.notifier()
    const { url, errors } = await start(adapter, [handlerOf(notifier)])
    const ann = await connected(`${url}/?user=ann&channel=a&channel=b`)
    const bob = await connected(`${url}/?user=bob&channel=a&channel=b`)
    const nobody = await connected(`${url}/?channel=a&channel=b`)
    await notifier.publish('a', 1)
    await notifier.revoke('ann', ['a', 'c'])
    await notifier.publish('a', 2)
    await notifier.publish('b', 3)
    await Promise.all([ann.has(3), bob.has(3), nobody.has(3)])
    expect(reported(ann)).toEqual([
      ['message', { channel: 'a', data: 1 }],
      ['revoked', { channel: 'a' }],
      ['message', { channel: 'b', data: 3 }],
    ])
    for (const other of [bob, nobody]) expect(other.events.map(({ type }) => type)).not.toContain('revoked')
    expect(ann.events.map(({ id }) => /(^|&)a=/.test(id))).toEqual([true, false, false])
    // A client that reconnects resumes only the remaining channel.
    ann.leave()
    await notifier.publish('b', 4)
    const again = await connected(`${url}/?user=ann&channel=b`, ann.lastId)
    expect((await again.has(1))[0]?.data).toEqual({ channel: 'b', data: 4 })
    expect(errors).toEqual([])
  })

  test('a client whose last channel or whose user was revoked is closed, and stays closed', async () => {
    const notifier = features.notifier()
    const { url, errors } = await start(adapter, [handlerOf(notifier)])
    const one = await connected(`${url}/?user=ann&channel=a`)
    const two = await connected(`${url}/?user=ben&channel=a&channel=b`)
    await notifier.revoke('ann', ['a'])
    await notifier.revoke('ben')
    for (const client of [one, two]) await until('it ended', () => client.ended)
    expect([reported(one), reported(two)]).toEqual([
      [
        ['revoked', { channel: 'a' }],
        ['closed', { reason: 'revoked', cursor: '' }],
      ],
      [['closed', { reason: 'revoked', cursor: two.lastId.slice(1) }]],
    ])
    for (const { lastId } of [one, two]) {
      expect(lastId).toMatch(/^!/)
      const address = `${url}/?user=ann&channel=a`
      const inAddress = `${address}&lastEventId=a%3D1-0&lastEventId=${encodeURIComponent(lastId)}`
      const answers = [
        await call(address, { headers: { 'last-event-id': lastId } }),
        // Some replacements of EventSource keep the id in the URL, and send an empty header.
        await call(inAddress),
        await call(inAddress, { headers: { 'last-event-id': '' } }),
      ]
      for (const { status, headers, text } of answers) {
        expect([status, headers['content-length'], text]).toEqual([204, undefined, ''])
      }
    }
    expect(errors).toEqual([])
  })

  test('the oldest connection beyond the bound is closed, also on another server, and may reconnect', async () => {
    const notifier = features.notifier()
    const servers = [
      await start(adapter, [handlerOf(features.notifier(), { perUser: 2 })]),
      await start(adapter, [handlerOf(features.notifier(), { perUser: 2 })]),
    ]
    const address = (nth: number, more = ''): string =>
      `${servers[nth % 2]!.url}/?user=cem&channel=a&channel=b${more}`
    const clients = [await connected(address(0)), await connected(address(1)), await connected(address(0))]
    await until('the first ended', () => clients[0]!.ended)
    const cursor = clients[0]!.lastId.slice(1)
    expect(reported(clients[0]!)).toEqual([['closed', { reason: 'connections', cursor }]])
    await notifier.publish('a', 'missed')
    // The page wants back: it is the newest now.
    const back = await listen(address(1, `&lastEventId=${encodeURIComponent(cursor)}`))
    expect((await back.has(1))[0]?.data).toEqual({ channel: 'a', data: 'missed' })
    await until('the next oldest ended', () => clients[1]!.ended)
    expect([clients[2]!.ended, back.ended]).toEqual([false, false])
    for (const server of servers) expect(server.errors).toEqual([])
  })

  test('a revocation while authorize runs makes the client reconnect, so that authorize runs again', async () => {
    const notifier = features.notifier()
    const asked = deferred()
    const answer = deferred<boolean>()
    let first = true
    const handler = handlerOf(notifier, {
      retry: 20,
      authorize: async () => {
        if (!first) return false
        first = false
        asked.resolve()
        return answer.promise
      },
    })
    const { url } = await start(adapter, [handler])
    const connecting = call(`${url}/?user=dan&channel=a&channel=b`)
    await asked.promise
    const later = deferred()
    await notifier.admit('later', { onRevoked: () => {}, onEnd: () => later.resolve() })
    await notifier.revoke('dan', ['b'])
    // Both are sent in order: when this one arrived, so did the other.
    await notifier.revoke('later')
    await later.promise
    answer.resolve(true)
    const { status, text } = await connecting
    expect([status, text]).toEqual([200, expect.stringMatching(/^retry: \d+\n\n$/)])
    expect((await call(`${url}/?user=dan&channel=a&channel=b`)).status).toBe(403)
  })

  test('authorize may allow some of the channels: the others are sent as revoked', async () => {
    const notifier = features.notifier()
    const handler = handlerOf(notifier, { authorize: (_, list) => list.filter((name) => name !== 'b') })
    const { url } = await start(adapter, [handler])
    const client = await connected(`${url}/?user=eve&channel=a&channel=b`)
    await notifier.publish('b', 1)
    await notifier.publish('a', 2)
    expect((await client.has(2)).map(({ type, data }) => [type, data])).toEqual([
      ['revoked', { channel: 'b' }],
      ['message', { channel: 'a', data: 2 }],
    ])
    expect((await call(`${url}/?user=eve&channel=b`)).status).toBe(403)
  })

  test('an invalid user is 400, and a forged farewell id affects nobody else', async () => {
    const notifier = features.notifier()
    const { url, errors } = await start(adapter, [handlerOf(notifier, { perUser: 1 })])
    for (const user of ['', 'x'.repeat(257), 'a%00b', '%7Bb%7D', '%0A']) {
      const { status, headers } = await call(`${url}/?user=${user}&channel=a`)
      expect([user, status, headers['content-type']]).toEqual([user, 400, 'application/problem+json'])
    }
    const client = await connected(`${url}/?user=fay&channel=a`)
    for (const id of ['!', '!!', '!a=1-1-000000', `!${client.lastId}`]) {
      const stopped = await call(`${url}/?user=fay&channel=a`, { headers: { 'last-event-id': id } })
      expect([id, stopped.status]).toEqual([id, 204])
    }
    await notifier.publish('a', 'still there')
    expect((await client.has(1))[0]?.data).toEqual({ channel: 'a', data: 'still there' })
    // The header is the newer one: its position has precedence over a farewell id in the URL.
    const going = await connected(`${url}/?user=gus&channel=a&lastEventId=!`, client.lastId)
    expect(going.response.statusCode).toBe(200)
    expect(errors).toEqual([])
  })

  test('a client that is gone before its rights are known replaces no connection of the user', async () => {
    const notifier = features.notifier({ name: 'gone' })
    const asked = deferred<Exchange>()
    const answer = deferred<boolean>()
    async function authorize(exchange: Exchange): Promise<boolean> {
      if (!exchange.query.has('slow')) return true
      asked.resolve(exchange)
      return answer.promise
    }
    const { url, errors } = await start(adapter, [handlerOf(notifier, { perUser: 1, authorize })])
    const first = await connected(`${url}/?user=ann&channel=a`)
    const aborting = new AbortController()
    const aborted = fetch(`${url}/?user=ann&channel=a&slow`, { signal: aborting.signal }).catch(() => 'gone')
    const exchange = await asked.promise
    aborting.abort()
    expect(await aborted).toBe('gone')
    await until('it is gone', () => exchange.gone)
    answer.resolve(true)
    await nextTurn()
    await notifier.publish('a', 'still there')
    expect(reported((await first.has(1), first))).toEqual([
      ['message', { channel: 'a', data: 'still there' }],
    ])
    expect(errors).toEqual([])
  })

  test('a client that disconnects frees its place and leaves nothing behind', async () => {
    const notifier = features.notifier({ name: 'leaving' })
    const { url } = await start(adapter, [handlerOf(notifier, { perUser: 5 })])
    const clients = await Promise.all(
      [1, 2, 3].map((nth) => connected(`${url}/?user=hal-${nth % 2}&channel=a`)),
    )
    expect(await features.raw.zcard('pk1:{test}:notify-connections:leaving:hal-1')).toBe(2)
    for (const client of clients) client.leave()
    await until(
      'no place is taken',
      async () => (await features.raw.keys('pk1:{test}:notify-connections:leaving:*')).length === 0,
    )
    const control = 'pk1:{test}:notify-control:leaving:live'
    await until('nobody follows', async () => (await followers(features.raw, control)) === 0)
  })
})

const [adapter] = frameworks
if (!adapter) throw new Error('no framework')

test('a client that was admitted by old rights gets the new ones, in every race of connect and revoke', async () => {
  const notifier = features.notifier({ name: 'race' })
  let rights = true
  const handler = handlerOf(notifier, { retry: 1, authorize: () => rights })
  const { url } = await start(adapter, [handler])
  const outcomes = new Map<string, number>()
  for (let round = 0; round < 120; round++) {
    rights = true
    const connecting = listen(`${url}/?user=ann&channel=a&channel=keep`)
    for (let turn = 0; turn < round % 12; turn++) await nextTurn()
    rights = false
    await notifier.revoke('ann', ['a'])
    await notifier.publish('a', 'secret')
    const client = await connecting
    if (client.response.statusCode === 200) {
      await until('it is over', () => client.ended || client.events.some(({ type }) => type === 'revoked'))
    }
    // No event that was published after the revocation arrived.
    expect(client.events.filter(({ type }) => type === 'message')).toEqual([])
    const outcome = client.response.statusCode === 403 ? 'refused' : client.ended ? 'sent back' : 'revoked'
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    client.leave()
  }
  expect([...outcomes.keys()]).toContain('revoked')
  expect([...outcomes.keys()]).toContain('refused')
})

test('two clients that reconnect by themselves do not replace each other without end', async () => {
  const notifier = features.notifier({ name: 'fight' })
  let requests = 0
  const handler = handlerOf(notifier, { perUser: 1, retry: 5 })
  const { url } = await start(adapter, [
    (exchange) => {
      requests++
      return handler(exchange)
    },
  ])
  const address = `${url}/?user=ann&channel=a`
  const reasons: string[] = []
  const first = new EventSource(address)
  first.addEventListener('closed', ({ data }) => reasons.push(String(data)))
  await until('the first is open', () => first.readyState === first.OPEN)
  const other = new EventSource(address)
  await until('the first was stopped', () => first.readyState === first.CLOSED)
  expect(reasons).toEqual([expect.stringMatching(/^\{"reason":"connections","cursor":"a=/)])
  expect(other.readyState).toBe(other.OPEN)
  // The first, its answer 204, and the other.
  expect(requests).toBe(3)
  const got = new Promise<string>((resolve) => {
    other.addEventListener('message', ({ data }) => resolve(String(data)))
  })
  await notifier.publish('a', 1)
  expect(await got).toBe('{"channel":"a","data":1}')
  first.close()
  other.close()
})

test('an error of authorize or user reaches the framework, and nothing stays admitted', async () => {
  const notifier = features.notifier({ name: 'throwing' })
  const broken = new Error('broken')
  const fail = (): never => {
    throw broken
  }
  for (const options of [{ authorize: fail }, { user: fail }]) {
    const { url, errors } = await start(adapter, [handlerOf(notifier, options)])
    expect((await call(`${url}/?user=ann&channel=a`)).status).toBe(500)
    expect(errors).toEqual([broken])
  }
  const control = 'pk1:{test}:notify-control:throwing:live'
  await until('nobody follows', async () => (await followers(features.raw, control)) === 0)
})

test('options that do not fit together are refused at set-up', () => {
  const refused =
    (options: object): (() => unknown) =>
    () =>
      notificationsPlugin.setup(features.notifier(), { channels: ['a'], ...options })
  expect(refused({ perUser: 2 })).toThrow(/notifications perUser is 2: give a user function as well/)
  expect(refused({ perUser: 0, user: userOf })).toThrow(/perUser is 0: give a whole number from 1 to 100/)
  expect(refused({ perUser: 101, user: userOf })).toThrow(/perUser is 101/)
  expect(refused({ user: 'ann' })).toThrow(/notifications user is "ann": give a function/)
})
