import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'

import type { Notifier } from '@penknife/core'
import { transformSync } from 'esbuild'
import { expect, test } from 'vitest'

import { useFeatures } from '../http/setup.ts'
import { openDevTools } from '../support/devtools.ts'
import { findChromium, openPage } from '../support/chromium.ts'
import { until } from '../support/until.ts'
import { serveLive } from './server.ts'

const features = useFeatures()
const chromium = findChromium()

/** No bundler: the browser loads each module. */
const page = (transport: string): string => `<!doctype html><script type="module">
import { connect } from '/client/index.ts'
const tell = (report) => fetch('/report', { method: 'POST', body: JSON.stringify(['${transport}', ...report]) }).catch(() => setTimeout(tell, 50, report))
const live = connect('/live', { sse: '/events', storage: sessionStorage${transport === 'sse' ? ', WebSocket: false' : ''} })
live.on(({ kind, transport }) => tell(['status', kind, transport]))
for (const channel of ['a', 'b']) {
  const subscription = live.subscribe(channel, {
    onEvent: ({ data }) => tell([channel, data]),
    onReset: () => tell([channel, 'reset']),
  })
  const positioned = setInterval(() => {
    if (subscription.position) tell(['position', channel]), clearInterval(positioned)
  }, 10)
}
</script>`

/** Serves the page and the modules of the client, and collects the reports. */
async function serve(notifier: Notifier) {
  const reports: (readonly [transport: string, what: string, data: unknown])[] = []
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '' } = request
    if (url.startsWith('/client/')) {
      const source = readFileSync(
        new URL(`../../packages/client/src/${url.slice(8)}`, import.meta.url),
        'utf8',
      )
      const { code } = transformSync(source, { loader: 'ts', target: 'es2022' })
      response.setHeader('Content-Type', 'text/javascript').end(code)
    } else if (url === '/report') {
      reports.push(JSON.parse(await text(request)) as (typeof reports)[number])
      response.end()
    } else if (url.startsWith('/page/'))
      response.setHeader('Content-Type', 'text/html').end(page(url.slice(6)))
    else response.writeHead(404).end()
  }
  const server = await serveLive(() => notifier, {
    other: (request, response) => void answer(request, response),
  })
  return {
    server,
    reported: (...what: readonly unknown[]): Promise<void> =>
      until(
        JSON.stringify(what),
        () => reports.some((one) => JSON.stringify(one) === JSON.stringify(what)),
        40_000,
      ),
    seen: (transport: string): unknown[] =>
      reports
        .filter(([from, what]) => from === transport && (what === 'a' || what === 'b'))
        .map(([, ...what]) => what),
  }
}

const transports = ['websocket', 'sse'] as const

test.skipIf(chromium === undefined)(
  'two pages of a browser, one over each transport, miss nothing when the server restarts in the middle',
  async () => {
    const notifier = features.notifier({ name: 'pages' })
    const { server, reported, seen } = await serve(notifier)
    for (const transport of transports) openPage(chromium as string, `${server.url}/page/${transport}`)
    for (const transport of transports) {
      await reported(transport, 'status', 'open', transport)
      for (const channel of ['a', 'b']) await reported(transport, 'position', channel)
    }
    let published = 0
    const publish = async (): Promise<void> => {
      await notifier.publish(published % 2 === 0 ? 'a' : 'b', published)
      published += 1
    }
    for (const how of ['closed', 'killed'] as const) {
      for (let at = 0; at < 10; at++) await publish()
      await server.stop(how)
      for (let at = 0; at < 10; at++) await publish()
      await server.start()
      await publish()
      for (const transport of transports)
        await reported(transport, (published - 1) % 2 === 0 ? 'a' : 'b', published - 1)
    }
    const all = Array.from({ length: published }, (_, at) => [at % 2 === 0 ? 'a' : 'b', at])
    const byNumber = (one: unknown, other: unknown): number =>
      (one as [string, number])[1] - (other as [string, number])[1]
    for (const transport of transports) expect(seen(transport).toSorted(byNumber)).toEqual(all)
  },
  120_000,
)

test.skipIf(chromium === undefined)(
  'a page that is put to sleep, slowed down, or offline misses nothing when it is back',
  async () => {
    const notifier = features.notifier({ name: 'sleep' })
    const { server, reported, seen } = await serve(notifier)
    const pages = await Promise.all(
      transports.map(async (transport) => {
        const url = `${server.url}/page/${transport}`
        const tools = await openDevTools(openPage(chromium as string, url), url)
        await tools.send('Network.enable')
        return tools
      }),
    )
    for (const transport of transports)
      for (const channel of ['a', 'b']) await reported(transport, 'position', channel)
    const all = (method: string, params: object): Promise<unknown> =>
      Promise.all(pages.map((tools) => tools.send(method, params)))
    const network = (offline: boolean): Promise<unknown> =>
      all('Network.emulateNetworkConditions', {
        offline,
        latency: 0,
        downloadThroughput: -1,
        uploadThroughput: -1,
      })
    const troubles: readonly (readonly [begin: () => Promise<unknown>, end: () => Promise<unknown>])[] = [
      [
        () => all('Page.setWebLifecycleState', { state: 'frozen' }),
        () => all('Page.setWebLifecycleState', { state: 'active' }),
      ],
      [
        () => all('Emulation.setCPUThrottlingRate', { rate: 20 }),
        () => all('Emulation.setCPUThrottlingRate', { rate: 1 }),
      ],
      // The network is gone without a sign for the connections that are open.
      [() => network(true), () => network(false)],
      // As a laptop that was closed: the server has given the connections up meanwhile.
      [
        async () => {
          await all('Page.setWebLifecycleState', { state: 'frozen' })
          server.cut()
        },
        () => all('Page.setWebLifecycleState', { state: 'active' }),
      ],
    ]
    let published = 0
    async function publish(count: number): Promise<void> {
      for (let nth = 0; nth < count; nth++) await notifier.publish('a', published++)
    }
    for (const [begin, end] of troubles) {
      await publish(5)
      await begin()
      await publish(100)
      await end()
      await publish(1)
      for (const transport of transports) await reported(transport, 'a', published - 1)
    }
    const expected = Array.from({ length: published }, (_, at) => ['a', at])
    const byNumber = (one: unknown, other: unknown): number =>
      (one as [string, number])[1] - (other as [string, number])[1]
    for (const transport of transports) expect(seen(transport).toSorted(byNumber)).toEqual(expected)
  },
  120_000,
)
