/** The clients of the fan-out cases, forked with a ClientsTask. Reports when all are connected, then counts events. */
import { connect } from 'node:net'

import { join, upgradeOf } from './socket-client.ts'
import {
  channelOf,
  type ClientsOrder,
  type ClientsReport,
  type ClientsTask,
  isSocketSide,
  MARK,
} from './task.ts'

const { side, port, connections, channels, stalled } = JSON.parse(process.argv[2] as string) as ClientsTask
const AT_ONCE = 200

let events = 0
let connected = 0
let wanted = Infinity
let latencies: number[] = []
/** Connections to an earlier server may end. */
let generation = 0
/** The last event id of each connection, to resume with. */
const lastIds: string[] = []
const mark = MARK.charCodeAt(0)

function report(): void {
  if (events < wanted || connected < connections) return
  const message: ClientsReport = { events, latencies }
  wanted = Infinity
  process.send?.(message)
}

/** Resolves when the response has begun. */
function open(at: number, stalls: boolean = false): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const sampled = at % 100 === 0
    const mine = generation
    socket.on('error', () => {})
    socket.on('close', () => {
      if (mine === generation) process.exit(1)
    })
    const channel = channelOf(at % channels)
    function begun(): void {
      connected += 1
      if (stalls) socket.pause()
      resolve()
    }
    if (isSocketSide(side)) void join(side, socket, channel).then(begun)
    else socket.once('data', begun)
    if (!stalls) {
      socket.on('data', (chunk) => {
        for (let from = chunk.indexOf(mark); from >= 0; from = chunk.indexOf(mark, from + 1)) events += 1
        note(at, chunk)
        if (sampled) {
          const now = performance.timeOrigin + performance.now()
          for (const [, sent] of chunk.toString('latin1').matchAll(/"sentMs":([\d.]+)/g)) {
            latencies.push(now - Number(sent))
          }
        }
        report()
      })
    }
    const lastId = lastIds[at] === undefined ? '' : `Last-Event-ID: ${lastIds[at]}\r\n`
    const request = isSocketSide(side)
      ? upgradeOf(side, channel)
      : `GET /${channel} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n${lastId}\r\n`
    socket.write(request)
  })
}

/** The id of the last complete event. An event whose end is in the next chunk does not count. */
function note(at: number, chunk: Buffer): void {
  const end = chunk.lastIndexOf('\n\n')
  const id = chunk.lastIndexOf('id: ', end)
  if (end >= 0 && id >= 0) lastIds[at] = chunk.toString('latin1', id + 4, chunk.indexOf('\n', id))
}

for (let at = 0; at < connections; at += AT_ONCE) {
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, connections - at) }, (_, each) => open(at + each)))
}
for (let at = 0; at < stalled; at++) await open(connections + at, true)
process.send?.('connected')
process.on('message', (order: ClientsOrder) => {
  if (order === 'let go') {
    generation += 1
    process.send?.(order)
    return
  }
  events = 0
  latencies = []
  wanted = order.count
  process.send?.('counting')
  if (!order.reconnect) return
  connected = 0
  for (let at = 0; at < connections; at++) void open(at)
})
process.on('disconnect', () => process.exit())
