/** The clients of the fan-out cases, forked with a ClientsTask: says when all are connected, then counts events. */
import { connect } from 'node:net'

import { channelOf, type ClientsReport, type ClientsTask, MARK } from './task.ts'

const { port, connections, channels } = JSON.parse(process.argv[2] as string) as ClientsTask
const AT_ONCE = 200

let events = 0
let wanted = Infinity
let latencies: number[] = []
const mark = MARK.charCodeAt(0)

function report(): void {
  if (events < wanted) return
  const told: ClientsReport = { events, latencies }
  wanted = Infinity
  process.send?.(told)
}

/** Resolves when the response began. */
function open(at: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const sampled = at % 100 === 0
    socket.on('error', reject)
    socket.on('close', () => process.exit(1))
    socket.on('data', (chunk) => {
      resolve()
      for (let from = chunk.indexOf(mark); from >= 0; from = chunk.indexOf(mark, from + 1)) events += 1
      if (sampled) {
        const now = performance.timeOrigin + performance.now()
        for (const [, sent] of chunk.toString('latin1').matchAll(/"sentMs":([\d.]+)/g)) {
          latencies.push(now - Number(sent))
        }
      }
      report()
    })
    socket.write(
      `GET /${channelOf(at % channels)} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n`,
    )
  })
}

for (let at = 0; at < connections; at += AT_ONCE) {
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, connections - at) }, (_, each) => open(at + each)))
}
process.send?.('connected')
process.on('message', (count: number) => {
  events = 0
  latencies = []
  wanted = count
  process.send?.('counting')
})
process.on('disconnect', () => process.exit())
