import { EventEmitter } from 'node:events'
import { setImmediate as tick } from 'node:timers/promises'

import { expect, test } from 'vitest'

import type { NativeResponse } from './exchange/exchange.ts'
import { createFlushes } from './flushes.ts'
import { createWriter, type ResponseWriter } from './writer.ts'
import { WriterGroup } from './writer-group.ts'

/** As much of a response as a writer touches, with a client that takes nothing when `stalled`. */
function fake(
  stalled = false,
  flushes = createFlushes(),
): {
  writer: ResponseWriter
  writes: Uint8Array[]
  response: EventEmitter & { destroyed: boolean }
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
    writer: createWriter(response as unknown as NativeResponse, { maxUnsentBytes: 1000, flushes }),
    writes,
    response,
  }
}

test('all that is written in one tick is one write, and equal writes share their bytes', async () => {
  const flushes = createFlushes()
  const [a, b] = [fake(false, flushes), fake(false, flushes)]
  for (const { writer } of [a, b]) {
    writer.write('one ')
    writer.write('tick')
  }
  expect(a.writes).toEqual([])
  await tick()
  expect(a.writes.map(String)).toEqual(['one tick'])
  expect(b.writes[0]).toBe(a.writes[0])
})

test('a client that takes nothing holds a bounded number of bytes and is cut off', async () => {
  const { writer, writes, response } = fake(true)
  let closed = 0
  writer.onClose(() => closed++)
  for (let nth = 0; nth < 100; nth++) {
    writer.write('x'.repeat(100))
    await tick()
  }
  expect(writes.length).toBe(11)
  expect([response.destroyed, writer.closed, closed]).toEqual([true, true, 1])
})

test('a burst in a single tick is bounded as well', () => {
  const { writer, writes, response } = fake(true)
  for (let nth = 0; nth < 1000; nth++) writer.write('x'.repeat(100))
  expect([writes.length, response.destroyed]).toEqual([1, true])
})

test('end sends what is queued, then closes; later writes are ignored', async () => {
  const { writer, writes } = fake()
  writer.write('last')
  writer.end()
  writer.write('too late')
  await tick()
  expect(writes.map(String)).toEqual(['last'])
  let closed = false
  writer.onClose(() => (closed = true))
  expect(closed).toBe(true)
})

/** A group, and who could not keep up with it. */
function group() {
  const full: object[] = []
  const all = new WriterGroup<{ readonly writer: ResponseWriter }>({
    flushes: createFlushes(),
    writerOf: ({ writer }) => writer,
    onFull: (member) => full.push(member),
  })
  return { full, group: all }
}

test('a group sends what it was written in one tick as one piece, the same to all', async () => {
  const { group: all } = group()
  const [a, b] = [fake(), fake()]
  for (const { writer } of [a, b]) all.add({ writer })
  all.write('one ')
  all.write('tick')
  expect(a.writes).toEqual([])
  await tick()
  expect(a.writes.map(String)).toEqual(['one tick'])
  expect(b.writes[0]).toBe(a.writes[0])
})

test('who joins a group gets nothing from before, and who leaves it all up to then, each in order', async () => {
  const { group: all } = group()
  const [early, late] = [fake(), fake()]
  all.add(early)
  all.write('1 ')
  late.writer.write('begin ')
  late.writer.flush()
  all.add(late)
  all.write('2 ')
  expect(all.delete(early)).toBe(true)
  early.writer.write('end')
  all.write('3 ')
  await tick()
  expect([early, late].map(({ writes }) => writes.join(''))).toEqual(['1 2 end', 'begin 2 3 '])
  expect(all.delete(early)).toBe(false)
})

test('a member without room is out of the group after one write, until its response drained', async () => {
  const { group: all, full } = group()
  const [slow, quick] = [fake(true), fake()]
  for (const member of [slow, quick]) all.add(member)
  for (let nth = 0; nth < 3; nth++) {
    all.write('x'.repeat(100))
    await tick()
  }
  expect(full).toEqual([slow])
  expect([slow.writes.length, quick.writes.length, all.size]).toEqual([1, 3, 1])
  expect([slow.writer.full, quick.writer.full]).toEqual([true, false])
  slow.response.emit('drain')
  expect(slow.writer.full).toBe(false)
})

test('a burst in a single tick goes to a group in pieces', () => {
  const { group: all } = group()
  const { writer, writes } = fake()
  all.add({ writer })
  for (let nth = 0; nth < 1000; nth++) all.write('x'.repeat(100))
  expect(writes.length).toBe(3)
})
