import type { ServerResponse } from 'node:http'

import type { Notifier } from '@penknife/core'
import type { Handler, NotificationsOptions, StreamReply, StreamWriter } from '@penknife/http'
import { notificationsPlugin } from '@penknife/http/adapter'
import { describe, expect, test } from 'vitest'

import { until } from '../support/until.ts'
import { connected, kinds } from './frameworks.ts'
import { start, useFeatures } from './setup.ts'
import { listen } from './sse.ts'

const features = useFeatures()

const EVENTS = 800
const LINE = 'x'.repeat(1000)

describe.each(kinds)('slow clients on $name', (adapter) => {
  const isConnected = connected.includes(adapter)

  /** Two clients of one channel, of which the first takes nothing: its socket is corked. */
  async function stallOne(notifier: Notifier, options: Partial<NotificationsOptions> = {}) {
    const plugin = notificationsPlugin.setup(notifier, { channels: ['room'], ...options })
    const writers: StreamWriter[] = []
    const watched: Handler = async (exchange) => {
      const reply = (await plugin(exchange)) as StreamReply
      return {
        ...reply,
        stream(writer) {
          writers.push(writer)
          return reply.stream(writer)
        },
      }
    }
    const { url, responses } = await start(adapter, [watched])
    const slow = await listen(url)
    await slow.positioned()
    const quick = await listen(url)
    await quick.positioned()
    const response = responses[0] as ServerResponse
    response.socket?.cork()
    // A writer that sees the connection counts what node's response has.
    const waiting = (): number => (writers[0]?.unsentBytes ?? 0) + (isConnected ? 0 : response.writableLength)
    return { slow, quick, response, waiting }
  }

  test('a client that stalls uses little memory, delays nobody, and gets everything once it reads again', async () => {
    const notifier = features.notifier({ name: 'slow', history: 2 * EVENTS })
    const { slow, quick, response, waiting } = await stallOne(notifier)
    let most = 0
    for (let at = 0; at < EVENTS; at += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, n) => notifier.publish('room', [at + n, LINE])))
      most = Math.max(most, waiting())
    }
    await quick.has(EVENTS)
    expect(slow.events).toEqual([])
    // 64 KiB and the event that was too much; and what a server took that shows no connection.
    expect(most).toBeGreaterThan(65_536)
    expect(most).toBeLessThan(isConnected ? 70_000 : 110_000)
    response.socket?.uncork()
    await slow.has(EVENTS)
    const order = slow.events.map(({ data }) => (data as { data: [number] }).data[0])
    expect(order).toEqual(Array.from({ length: EVENTS }, (_, at) => at))
  })

  test('a client that reads nothing for longer than the stall deadline is cut off', async () => {
    const notifier = features.notifier({ name: 'stalled', history: 2 * EVENTS })
    const { slow, quick } = await stallOne(notifier, { stall: '100ms' })
    await Promise.all(Array.from({ length: 100 }, () => notifier.publish('room', LINE)))
    await until('it is cut off', () => slow.ended)
    await quick.has(100)
    expect(quick.ended).toBe(false)
  })
})
