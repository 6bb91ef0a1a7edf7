import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import { notifications } from '@penknife/http'
import { expect, onTestFinished, test } from 'vitest'

import { findChromium, openPage } from '../support/chromium.ts'
import { until } from '../support/until.ts'
import { useFeatures } from './setup.ts'
import { listen } from './sse.ts'

const features = useFeatures()
const chromium = findChromium()

/** Reports each event to the server, and each change of its EventSource's state. */
const PAGE = `<!doctype html><script>
const tell = (report) => fetch('/report', { method: 'POST', body: JSON.stringify(report) })
function follow(more) {
  const source = new EventSource('/events?user=ann&channel=a&channel=b' + more)
  const on = (type, run) => source.addEventListener(type, run)
  on('open', () => tell(['open']))
  on('error', () => tell(['error', source.readyState]))
  for (const type of ['message', 'revoked', 'closed', 'reset']) on(type, (event) => {
    const { cursor, ...data } = JSON.parse(event.data)
    tell([type, data])
    if (type === 'closed') window.cursor = cursor
  })
}
follow('')
setInterval(async () => {
  const order = await (await fetch('/order')).text()
  if (order === 'back') follow('&lastEventId=' + encodeURIComponent(window.cursor))
}, 20)
</script>`

test.skipIf(chromium === undefined)(
  'a browser resumes by itself, gets revocations, stays closed, and reconnects when its page does',
  async () => {
    const notifier = features.notifier({ name: 'browser' })
    const events = notifications(notifier, {
      channels: ({ query }) => query.getAll('channel'),
      user: ({ query }) => query.get('user') ?? undefined,
      perUser: 1,
      retry: 50,
    })
    const reports: unknown[] = []
    const connects: string[] = []
    const streams = new Set<ServerResponse>()
    let order = ''
    async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
      if (request.url === '/') response.setHeader('Content-Type', 'text/html').end(PAGE)
      else if (request.url === '/order') {
        response.end(order)
        order = ''
      } else if (request.url === '/report') {
        let text = ''
        for await (const chunk of request) text += String(chunk)
        reports.push(JSON.parse(text))
        response.end()
      } else if (request.url?.startsWith('/events')) {
        connects.push(String(request.headers['last-event-id'] ?? ''))
        streams.add(response)
        await events(request, response)
      } else response.writeHead(404).end()
    }
    const server = createServer((request, response) => void serve(request, response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.close()
      server.closeAllConnections()
    })
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    openPage(chromium as string, `${url}/`)
    const reported = (what: unknown): Promise<void> =>
      until(
        JSON.stringify(what),
        () => reports.some((one) => JSON.stringify(one) === JSON.stringify(what)),
        30_000,
      )

    await reported(['open'])
    for (let at = 0; at < 30; at++) {
      await notifier.publish(at % 2 === 0 ? 'a' : 'b', at)
      if (at % 10 === 5) {
        await reported(['message', { channel: 'a', data: at - 1 }])
        for (const stream of streams) stream.destroy()
      }
    }
    await reported(['message', { channel: 'a', data: 28 }])
    await reported(['message', { channel: 'b', data: 29 }])
    for (const channel of ['a', 'b']) {
      const got = reports
        .filter(
          (one): one is ['message', { channel: string; data: number }] => (one as string[])[0] === 'message',
        )
        .map(([, message]) => message)
        .filter((message) => message.channel === channel)
      const all = Array.from({ length: 15 }, (_, at) => 2 * at + (channel === 'a' ? 0 : 1))
      expect(got.map(({ data }) => data).toSorted((one, other) => one - other)).toEqual(all)
    }

    await notifier.revoke('ann', ['b'])
    await reported(['revoked', { channel: 'b' }])

    const other = await listen(`${url}/events?user=ann&channel=a`)
    await reported(['closed', { reason: 'connections' }])
    // 2: it was stopped, by the answer 204.
    await reported(['error', 2])
    const until204 = connects.length
    expect(connects.at(-1)).toMatch(/^!a=/)
    await notifier.publish('a', 'missed')
    await other.has(1)
    expect([connects.length, other.ended]).toEqual([until204, false])

    order = 'back'
    await reported(['message', { channel: 'a', data: 'missed' }])
    expect(connects.at(-1)).toBe('')
    await until('the other one had to go', () => other.ended)
    expect(reports).not.toContainEqual(['reset', { channel: 'a' }])
  },
  60_000,
)
