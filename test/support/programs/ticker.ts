// Declares schedules and adds what is due, until it dies at a random tick: before it is sent, or before its reply arrives.
import { Socket } from 'node:net'

import { connect, createStream } from '@penknife/core'
import { Redis } from 'ioredis'

import { streamScheduleTick } from '../../../packages/core/src/redis/scripts.gen.ts'

const { TICKER_URL = '', TICKER_SCHEDULES = '1' } = process.env
let left = Math.ceil(Math.random() * 8)
const unsent = Math.random() < 0.5
const write = Socket.prototype.write
Socket.prototype.write = function dying(this: Socket, ...args: Parameters<typeof write>): boolean {
  if (String(args[0]).includes(streamScheduleTick.sha)) left -= 1
  if (left === 0 && unsent) process.kill(process.pid, 'SIGKILL')
  if (left === 0) setImmediate(() => process.kill(process.pid, 'SIGKILL'))
  return write.apply(this, args)
} as typeof write

const penknife = connect(new Redis(TICKER_URL, { lazyConnect: true }))
const stream = createStream<{ s: number; at: number }>(penknife.space('shop'), 'reports', {
  retain: { entries: 1_000_000 },
})
await Promise.all(
  Array.from({ length: Number(TICKER_SCHEDULES) }, (_, s) =>
    stream.schedule(`schedule-${s}`, { every: '1s', payload: { s }, timeField: 'at', missed: 'all' }),
  ),
)
console.log('ready')
