import type { ServerResponse } from 'node:http'

import { notificationsPlugin } from '@penknife/http/adapter'
import { describe, expect, test } from 'vitest'

import { until } from '../support/until.ts'
import { frameworks } from './frameworks.ts'
import { start, useFeatures } from './setup.ts'
import { listen } from './sse.ts'

const features = useFeatures()

/** More than the sockets' own buffers take. */
const EVENTS = 6000
const LINE = 'x'.repeat(2000)

describe.each(frameworks)('slow clients on $name', (adapter) => {
  test('a client that stalls holds little, delays nobody, and gets everything once it reads on', async () => {
    const notifier = features.notifier({ history: 2 * EVENTS })
    const plugin = notificationsPlugin.setup(notifier, { channels: ['slow'] })
    const responses: ServerResponse[] = []
    const { url } = await start(adapter, [
      (exchange) => {
        responses.push(exchange.response as ServerResponse)
        return plugin(exchange)
      },
    ])
    const slow = await listen(url)
    await slow.positioned()
    slow.response.pause()
    const quick = await listen(url)
    await quick.positioned()
    let most = 0
    for (let at = 0; at < EVENTS; at += 200) {
      await Promise.all(Array.from({ length: 200 }, (_, n) => notifier.publish('slow', [at + n, LINE])))
      most = Math.max(most, responses[0]!.writableLength)
    }
    await quick.has(EVENTS)
    expect(most).toBeGreaterThan(0)
    // 64 KiB, and the event that was too much; text of a turn is counted before it is bytes.
    expect(most).toBeLessThan(200_000)
    expect(slow.events.length).toBeLessThan(EVENTS)
    slow.response.resume()
    await slow.has(EVENTS)
    const order = slow.events.map(({ data }) => (data as { data: [number] }).data[0])
    expect(order).toEqual(Array.from({ length: EVENTS }, (_, at) => at))
  })

  test('a client that takes nothing for longer than the stall deadline is cut off', async () => {
    const notifier = features.notifier({ history: 2 * EVENTS })
    const { url } = await start(adapter, [
      notificationsPlugin.setup(notifier, { channels: ['stalled'], stall: '200ms' }),
    ])
    const client = await listen(url)
    await client.positioned()
    client.response.pause()
    const socket = client.response.socket!
    for (let at = 0; at < EVENTS && !socket.destroyed; at += 200) {
      await Promise.all(Array.from({ length: 200 }, () => notifier.publish('stalled', LINE)))
    }
    client.response.resume()
    await until('it is cut off', () => client.ended)
    expect(client.events.length).toBeLessThan(EVENTS)
  })
})
