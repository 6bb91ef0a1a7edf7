// A process with a headless Chromium. Its page has an EventSource for each client and reports the messages.
import '../harness/ends-with-parent.ts'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

import { startChromium } from '../../scripts/chromium.ts'
import { openJournal } from '../harness/journal.ts'
import type { ChromiumConfig, Life } from './plan.ts'
import type { ClientRecord } from './records.ts'
import { addressOf, recordOf, type SseMessage } from './sse.ts'

const config = JSON.parse(process.argv[2] ?? '') as ChromiumConfig & Life
const { port, clients, binary } = config
const journal = openJournal<ClientRecord>(config.folder, config.life)

/** A report of the page: a message of a client, or the state of its EventSource after an error. */
type Report = readonly [w: number, message: SseMessage | { readonly state: number }]

/** Runs in the page. It sends one report after the other, to keep their order. */
function inPage(sources: readonly (readonly [w: number, address: string])[]): void {
  let waiting: Report[] = []
  const tell = async (): Promise<void> => {
    for (;;) {
      const reports = waiting
      waiting = []
      if (reports.length > 0) await fetch('/reports', { method: 'POST', body: JSON.stringify(reports) })
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  for (const [w, address] of sources) {
    const source = new EventSource(address)
    for (const type of ['message', 'price', 'reset', 'position']) {
      source.addEventListener(type, ({ data, lastEventId }) =>
        waiting.push([w, { type, data: data as string, id: lastEventId }]),
      )
    }
    source.addEventListener('error', () => waiting.push([w, { state: source.readyState }]))
  }
  void tell()
}

function record([w, message]: Report): ClientRecord {
  if ('type' in message) return recordOf(w, message)
  return message.state === 2 ? { k: 'turned away', w, why: 'closed' } : { k: 'cut', w }
}

async function receive(request: IncomingMessage): Promise<void> {
  for (const report of JSON.parse(await text(request)) as Report[]) journal.write(record(report))
}

const addresses = clients.map(({ w, channels }) => [w, addressOf(port, channels)])
const page = `<!doctype html><script>(${inPage.toString()})(${JSON.stringify(addresses)})</script>`
const server = createServer((request, response) => {
  if (request.method !== 'POST') response.setHeader('Content-Type', 'text/html').end(page)
  else void receive(request).then(() => response.end())
})
await once(server.listen(0, '127.0.0.1'), 'listening')

for (const { w, channels } of clients) {
  journal.write({ k: 'follows', w, channels })
  journal.write({ k: 'begins', w, cursor: '' })
}
const profile = join(config.folder, config.life)
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
const browser = startChromium(binary, profile, url)

process.once('SIGTERM', () => {
  browser.kill('SIGTERM')
  void once(browser, 'exit')
    .then(() => rm(profile, { recursive: true, force: true, maxRetries: 5 }))
    .finally(() => process.exit(0))
})
