import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

import { createNotificationClients, notifications } from '@penknife/http'
import { expect, onTestFinished, test } from 'vitest'

import { findChromium, openPage } from '../support/chromium.ts'
import { until } from '../support/until.ts'
import { useFeatures } from './setup.ts'

const features = useFeatures()
const chromium = findChromium()
const require = createRequire(import.meta.url)

const documentation = readFileSync(new URL('../../docs/notifications.md', import.meta.url), 'utf8')
/** The pages of the documentation, for htmx and for Turbo. */
const [forHtmx = '', forTurbo = ''] = [
  ...(documentation.split('### Plain text, for htmx and Turbo')[1] ?? '').matchAll(/```html\n([^]*?)```/g),
].map(([, page]) => page)

const FILES: Readonly<Record<string, string>> = {
  '/htmx.js': require.resolve('htmx.org/dist/htmx.min.js'),
  '/sse.js': require.resolve('htmx-ext-sse/dist/sse.min.js'),
  '/turbo.js': require.resolve('@hotwired/turbo/dist/turbo.es2017-umd.js'),
}

/** Reports what the page shows, again and again. */
const REPORT = `<script>
const show = () => fetch('/shown', { method: 'POST', body: document.body.innerText }).finally(() => setTimeout(show, 30))
show()
</script>`

/** Serves a page with its libraries, and events as plain text. Resolves when its browser has connected. */
async function openHtml(body: string, scripts: readonly string[]) {
  const notifier = features.notifier({ name: `html-${scripts.length}` })
  const clients = createNotificationClients()
  const events = notifications(notifier, { channels: ['orders'], format: 'raw', clients, retry: 50 })
  const page = `<!doctype html><body>${scripts.map((file) => `<script src="${file}"></script>`).join('')}${body}${REPORT}`
  let shown = ''
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '' } = request
    if (url === '/rows') {
      await events(request, response)
      return
    }
    if (url === '/shown') shown = await text(request)
    const file = FILES[url]
    response.setHeader('Content-Type', file === undefined ? 'text/html' : 'text/javascript')
    response.end(file === undefined ? (url === '/orders' ? '<li>all orders</li>' : page) : readFileSync(file))
  }
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((begun) => server.listen(0, '127.0.0.1', begun))
  onTestFinished(async () => {
    await events.close()
    server.closeAllConnections()
    server.close()
  })
  openPage(chromium as string, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  await until('it has connected', () => clients.size === 1, 40_000)
  return {
    notifier,
    shows: (what: string): Promise<void> =>
      until(`'${shown}' has ${what}`, () => shown.includes(what), 20_000),
    text: () => shown,
  }
}

test.skipIf(chromium === undefined)(
  'a page of htmx adds each event, and loads again after a reset',
  async () => {
    const { notifier, shows, text: shown } = await openHtml(forHtmx, ['/htmx.js', '/sse.js'])
    await notifier.publish('orders', '<li>order 7</li>', { type: 'order' })
    await notifier.publish('orders', '<li>of another type</li>', { type: 'other' })
    await notifier.publish('orders', '<li>order 8</li>', { type: 'order' })
    await shows('order 7\norder 8')
    expect(shown()).not.toContain('of another type')
    await notifier.clear('orders')
    await shows('all orders')
    expect(shown()).not.toContain('order 7')
    await notifier.publish('orders', '<li>order 9</li>', { type: 'order' })
    await shows('all orders\norder 9')
  },
  90_000,
)

test.skipIf(chromium === undefined)(
  'a page of Turbo carries out each stream element',
  async () => {
    const { notifier, shows } = await openHtml(forTurbo, ['/turbo.js'])
    const element = (action: string, html: string): string =>
      `<turbo-stream action="${action}" target="orders"><template>${html}</template></turbo-stream>`
    await notifier.publish('orders', element('append', '<li>order 7</li>'))
    await notifier.publish('orders', element('append', '<li>order 8</li>'))
    await shows('order 7\norder 8')
    await notifier.publish('orders', element('update', '<li>only order 9</li>'))
    await shows('only order 9')
  },
  90_000,
)
