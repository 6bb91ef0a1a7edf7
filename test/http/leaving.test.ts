import { connect, createNotifier } from '@penknife/core'
import { type Handler, PASS, type RequestEntry } from '@penknife/http'
import { notificationsPlugin, rateLimitPlugin, requestLogPlugin } from '@penknife/http/adapter'
import { call, httpGet, raw } from '@penknife/http/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'

import { followers } from '../support/channels.ts'
import { available } from '../support/connect.ts'
import { pattern } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { connected, kinds } from './frameworks.ts'
import { start, useFeatures } from './setup.ts'

const features = useFeatures()

const LIVE = 'pk1:{test}:notify:main:room:live'
const CONNECTIONS = 'pk1:{test}:notify-connections:main:ann'

const slots = () =>
  features.limiter({
    name: 'busy',
    rules: [{ name: 'calls', algorithm: 'concurrency', limit: 3, lease: '1m' }],
  })

/** Keeps requests for good; `count` have arrived. */
function holding(): { count: number; readonly handler: Handler } {
  const kept = {
    count: 0,
    handler: (({ path }) => {
      if (path !== '/kept') return PASS
      kept.count++
      return new Promise(() => {})
    }) as Handler,
  }
  return kept
}

/** Koa emits an error for each connection that a client reset. */
function isFault(error: unknown): boolean {
  return !['ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '')
}

/** Event streams of a penknife of their own; `begun` are answered. */
async function streaming() {
  const penknife = connect(pattern(features.server.socket))
  onTestFinished(() => penknife.close({ deadline: 0 }))
  await available(penknife)
  const events = notificationsPlugin.setup(createNotifier(penknife.space('test'), 'main'), {
    channels: ['room'],
    user: () => 'ann',
    perUser: 9,
  })
  const streams = {
    penknife,
    events,
    begun: 0,
    handler: (async (exchange) => {
      const answer = await events(exchange)
      streams.begun++
      return answer
    }) as Handler,
  }
  return streams
}

describe.each(connected)('pipelined requests on $name:', (adapter) => {
  test('when the connection breaks, slots and tokens are given back, and each request is logged once', async () => {
    const logged: RequestEntry[] = []
    const log = requestLogPlugin.setup({ add: async (entry) => void logged.push(entry) })
    const guard = features.limiter()
    const refunding = rateLimitPlugin.setup(guard, { refundIf: ({ aborted }) => aborted })
    const busy = slots()
    const kept = holding()
    const { url, errors } = await start(adapter, [log, refunding, rateLimitPlugin.setup(busy), kept.handler])
    const client = raw(url, httpGet('/kept').repeat(3))
    await until('all three are served', () => kept.count === 3)
    expect((await busy.take('127.0.0.1')).allowed).toBe(false)
    client.socket.destroy()
    await until('all are logged', () => logged.length === 3)
    await until('no token is gone', async () => (await guard.take('127.0.0.1', { cost: 0 })).remaining === 3)
    await until('no slot is taken', async () => (await busy.take('127.0.0.1', { cost: 0 })).remaining === 3)
    expect(logged.map(({ status, aborted }) => [status, aborted])).toEqual(
      Array.from({ length: 3 }, () => [499, true]),
    )
    await log.close?.(10_000)
    expect(errors.filter(isFault)).toEqual([])
  })

  test('when the connection breaks, event streams leave nothing behind, and close resolves', async () => {
    const { penknife, events, handler } = await streaming()
    const { url, errors } = await start(adapter, [handler])
    // The first request is never answered, so the others are never answered either.
    const client = raw(url, httpGet('/').repeat(5))
    await until('all have their place', async () => (await features.raw.zcard(CONNECTIONS)) === 5)
    await until('the channel is followed', async () => (await followers(features.raw, LIVE)) === 1)
    client.socket.destroy()
    await until('no place is taken', async () => (await features.raw.exists(CONNECTIONS)) === 0)
    await until('nobody follows', async () => (await followers(features.raw, LIVE)) === 0)
    await events.close?.(10_000)
    await penknife.close({ deadline: '5s' })
    expect(errors.filter(isFault)).toEqual([])
  })

  test.runIf(kinds.includes(adapter))(
    'a shutdown ends event streams that were never answered, while their client stays',
    async () => {
      const streams = await streaming()
      const { url } = await start(adapter, [holding().handler, streams.handler])
      const client = raw(url, httpGet('/kept') + httpGet('/').repeat(3))
      await until('all are answered', () => streams.begun === 3)
      const began = performance.now()
      await streams.penknife.close()
      // A stream that cannot take its end is cut off after a second, well before the deadline of penknife.close().
      expect(performance.now() - began).toBeLessThan(5000)
      await client.closed
      expect((await call(`${url}/`)).text).toMatch(/^retry: \d+\n\n$/)
    },
  )
})
