import { EventEmitter } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'

import { expect, test } from 'vitest'

import type { NativeResponse } from './exchange/exchange.ts'
import { createWriter, type StreamWriter } from './writer.ts'

/** As much of a response as a writer touches, with a client that takes nothing when `stalled`. */
function fake(stalled = false): {
  writer: StreamWriter
  writes: Uint8Array[]
  response: { destroyed: boolean }
} {
  const writes: Uint8Array[] = []
  const response = Object.assign(new EventEmitter(), {
    writableEnded: false,
    writableFinished: false,
    writableLength: 0,
    destroyed: false,
    write(bytes: Uint8Array) {
      writes.push(bytes)
      if (stalled) response.writableLength += bytes.byteLength
      return !stalled
    },
    end: () => (response.writableEnded = true),
    destroy: () => (response.destroyed = true),
  })
  return {
    writer: createWriter(response as unknown as NativeResponse, { maxUnsentBytes: 1000 }),
    writes,
    response,
  }
}

test('all that is written in one turn is one write, and equal writes share their bytes', async () => {
  const [a, b] = [fake(), fake()]
  for (const { writer } of [a, b]) {
    writer.write('one ')
    writer.write('turn')
  }
  expect(a.writes).toEqual([])
  await turn()
  expect(a.writes.map(String)).toEqual(['one turn'])
  expect(b.writes[0]).toBe(a.writes[0])
})

test('a client that takes nothing holds a bounded number of bytes and is cut off', async () => {
  const { writer, writes, response } = fake(true)
  let closed = 0
  writer.onClose(() => closed++)
  for (let nth = 0; nth < 100; nth++) {
    writer.write('x'.repeat(100))
    await turn()
  }
  expect(writes.length).toBe(11)
  expect([response.destroyed, writer.closed, closed]).toEqual([true, true, 1])
})

test('a burst in a single turn is bounded as well', () => {
  const { writer, writes, response } = fake(true)
  for (let nth = 0; nth < 1000; nth++) writer.write('x'.repeat(100))
  expect([writes.length, response.destroyed]).toEqual([1, true])
})

test('end sends what is queued, then closes; later writes are ignored', async () => {
  const { writer, writes } = fake()
  writer.write('last')
  writer.end()
  writer.write('too late')
  await turn()
  expect(writes.map(String)).toEqual(['last'])
  let told = false
  writer.onClose(() => (told = true))
  expect(told).toBe(true)
})
