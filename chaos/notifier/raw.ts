// A process of clients with their own sockets, over HTTP/1.1 or HTTP/2. They read slowly, stall, disconnect and
// reconnect.
import '../harness/ends-with-parent.ts'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

import { openJournal } from '../harness/journal.ts'
import { createRandom } from '../harness/random.ts'
import { createChunkReader } from './chunks.ts'
import { cursorsBefore } from './cursors.ts'
import { type Life, type RawClientPlan, type RawConfig, SECRET } from './plan.ts'
import type { ClientRecord } from './records.ts'
import { addressOf, readSse, recordOf } from './sse.ts'

const config = JSON.parse(process.argv[2] ?? '') as Life & RawConfig
const journal = openJournal<ClientRecord>(config.folder, config.life)
const before = cursorsBefore(config)

/** A client disconnects from a server that sends nothing for this long, not even a heartbeat. */
const SILENCE_MS = 3500

interface Connection {
  pause(): void
  resume(): void
  destroy(): void
}

interface Listener {
  /** The response began. False if it is not the expected one. */
  status(code: number): void
  text(text: string): void
  /** Called once when it has ended, for any reason. */
  over(): void
}

function openHttp1(url: URL, lastEventId: string, listener: Listener): Connection {
  const socket = connect(Number(url.port), url.hostname)
  let head: Buffer | undefined = Buffer.alloc(0)
  let read = (bytes: Buffer): void => listener.text(bytes.toString())
  socket.on('error', () => {})
  socket.on('close', () => listener.over())
  socket.on('data', (bytes: Buffer) => {
    if (head === undefined) return read(bytes)
    const begun = Buffer.concat([head, bytes])
    const end = begun.indexOf('\r\n\r\n')
    head = end < 0 ? begun : undefined
    if (end < 0) return
    const text = begun.toString('latin1', 0, end)
    if (/^transfer-encoding: chunked$/im.test(text)) read = createChunkReader((part) => listener.text(part))
    else if (!/^content-length:/im.test(text)) throw new Error('a stream whose cut looks like its end')
    listener.status(Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]))
    read(begun.subarray(end + 4))
  })
  const resumed = lastEventId === '' ? '' : `Last-Event-ID: ${lastEventId}\r\n`
  socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: chaos\r\n${resumed}\r\n`)
  return socket
}

function openHttp2(url: URL, lastEventId: string, listener: Listener): Connection {
  const session = connectHttp2(url.origin)
  const stream = session.request({
    ':path': url.pathname + url.search,
    ...(lastEventId === '' ? {} : { 'last-event-id': lastEventId }),
  })
  session.on('error', () => {})
  stream.on('error', () => {})
  stream.setEncoding('utf8')
  stream.on('response', (headers) => listener.status(Number(headers[':status'])))
  stream.on('data', (text: string) => listener.text(text))
  stream.on('end', () => session.destroy())
  session.on('close', () => listener.over())
  return {
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
    destroy: () => session.destroy(),
  }
}

/** One connection, until either side ends it. */
async function listen(
  { w, channels, port, http2 = false }: RawClientPlan,
  lastId: string,
  onId: (id: string) => void,
): Promise<void> {
  const random = createRandom(config.seed + process.pid + w + Math.floor(performance.now()))
  const inAddress = random.next() < 0.3
  const url = new URL(addressOf(port, channels, inAddress ? lastId : undefined))
  // A client that requests a forbidden channel gets only the permitted ones.
  const forged = lastId !== '' && random.next() < 0.2 ? `${lastId}&${SECRET}=0-0` : lastId
  journal.write({ k: 'begins', w, cursor: lastId })
  const read = readSse(lastId, (message) => {
    journal.write(recordOf(w, message))
    onId(message.id)
  })
  const over = new AbortController()
  let receivedAt = performance.now()
  await new Promise<void>((resolve) => {
    const connection = (http2 ? openHttp2 : openHttp1)(url, inAddress ? '' : forged, {
      status(code) {
        if (code === 200) return
        journal.write({ k: 'turned away', w, why: `status ${code}` })
        connection.destroy()
      },
      text(text) {
        receivedAt = performance.now()
        read(text)
      },
      over() {
        over.abort()
        resolve()
      },
    })
    void (async () => {
      const until = performance.now() + random.int(500, 12_000)
      while (!over.signal.aborted && performance.now() < until) {
        await delay(random.int(50, 300))
        if (performance.now() > receivedAt + SILENCE_MS) break
        const stalls = random.next()
        if (stalls > 0.1) continue
        connection.pause()
        const ms = stalls < 0.02 ? random.int(1000, 6000) : random.int(20, 300)
        if (ms >= 1000) journal.write({ k: 'stalls', w })
        await delay(ms)
        receivedAt = performance.now()
        connection.resume()
      }
      if (!over.signal.aborted) journal.write({ k: 'leaves', w })
      connection.destroy()
    })()
  })
  journal.write({ k: 'cut', w })
}

async function run(plan: RawClientPlan): Promise<never> {
  let lastId = before.get(plan.w)?.toString() ?? ''
  journal.write({ k: 'follows', w: plan.w, channels: plan.channels })
  for (;;) {
    await listen(plan, lastId, (id) => (lastId = id))
    await delay(100)
  }
}

process.once('SIGTERM', () => process.exit(0))
await Promise.all(config.clients.map(run))
