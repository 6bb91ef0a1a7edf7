import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'

import type { Notifier } from '@penknife/core'
import { transformSync } from 'esbuild'
import { expect, test } from 'vitest'

import { useFeatures } from '../http/setup.ts'
import { openDevTools } from '../support/devtools.ts'
import { findChromium, openPages } from '../support/chromium.ts'
import { until } from '../support/until.ts'
import { serveLive } from './server.ts'

const features = useFeatures()
const chromium = findChromium()

/** No bundler: the browser loads each module. */
const page = (transport: string): string => `<!doctype html><script type="module">
import { connect } from '/client/index.ts'
const waiting = []
const tell = (report) => waiting.push(['${transport}', ...report]) === 1 && send()
async function send() {
  const reports = [...waiting]
  const sent = await fetch('/report', { method: 'POST', body: JSON.stringify(reports) }).then(() => true, () => false)
  if (sent) waiting.splice(0, reports.length)
  if (waiting.length > 0) setTimeout(send, 20)
}
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

const modules = new Map<string, string>()

function moduleOf(url: string): string {
  const file = new URL(`../../packages/client/src/${url.slice('/client/'.length)}`, import.meta.url)
  return transformSync(readFileSync(file, 'utf8'), { loader: 'ts', target: 'es2022' }).code
}

/** Serves the page and the modules of the client, and collects the reports. */
async function serve(notifier: Notifier) {
  const reports: (readonly [transport: string, what: string, data: unknown])[] = []
  const texts = new Set<string>()
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '' } = request
    if (url.startsWith('/client/')) {
      const code = modules.get(url) ?? moduleOf(url)
      modules.set(url, code)
      response.setHeader('Content-Type', 'text/javascript').end(code)
    } else if (url === '/report') {
      for (const report of JSON.parse(await text(request)) as typeof reports) {
        reports.push(report)
        texts.add(JSON.stringify(report))
      }
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
      until(JSON.stringify(what), () => texts.has(JSON.stringify(what)), 40_000),
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
    const pages = transports.map((transport) => `${server.url}/page/${transport}`)
    await openPages(chromium as string, pages)
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
    const urls = transports.map((transport) => `${server.url}/page/${transport}`)
    const profile = await openPages(chromium as string, urls)
    const pages = await Promise.all(
      urls.map(async (url) => {
        const tools = await openDevTools(profile, url)
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
      // The browser slows a page down by burning CPU: 20 times slower took four seconds of it.
      [
        () => all('Emulation.setCPUThrottlingRate', { rate: 6 }),
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
