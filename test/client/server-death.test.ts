import { connect } from '@penknife/client'
import { createNotifier } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'

import { createClock, useSettableClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { serveLive } from './server.ts'

useSettableClock()

const bench = useRedis()

// The recovery of socket.io needs the server that had the session, and forgets it after two minutes.
test.each([
  ['a WebSocket', WebSocket],
  ['server-sent events', false],
] as const)(
  'over %s a client whose server died for good goes on at another server, also after hours, and misses nothing',
  async (name, Socket) => {
    const clock = createClock(bench.raw)
    await clock.set(1_764_000_000_000_000)
    const open = async () =>
      createNotifier((await openReady(pattern(bench.server.url))).space('shop'), `death${name.length}`)
    const [first, second] = [await open(), await open()]
    const servers = [await serveLive(() => first), await serveLive(() => second)] as const
    let url = servers[0].url
    const live = connect(() => (away ? new Promise<never>(() => {}) : `${url}/live`), {
      sse: () => (away ? new Promise<never>(() => {}) : `${url}/events`),
      WebSocket: Socket,
    })
    let away = false
    onTestFinished(() => live.close())
    const seen: unknown[] = []
    const room = live.subscribe('room', {
      onEvent: ({ data }) => seen.push(data),
      onReset: () => seen.push('reset'),
    })
    await until('it follows', () => room.position !== undefined)
    await second.publish('room', 1)
    await until('it has the first', () => seen.length === 1)
    away = true
    url = servers[1].url
    await servers[0].stop('killed')
    await second.publish('room', 2)
    await clock.advance(3 * 3_600_000_000)
    await second.publish('room', 3)
    away = false
    live.reconnect()
    await until('it has all', () => seen.length === 3)
    expect(seen).toEqual([1, 2, 3])
  },
)
