import type { NotifierEvent, Subscription } from '@penknife/core'
import { expect, test } from 'vitest'

import type { StreamWriter } from '../stream-writer.ts'
import { BEHIND_BYTES, ClientFeed } from './feed.ts'
import { messageFrame } from './frames.ts'

function message(channel: string, id: string | null, json = '1'): NotifierEvent {
  return { kind: 'message', channel, id, type: 'message', json, data: undefined }
}

function recorder(): { writer: StreamWriter; ids(): string[] } {
  let text = ''
  const writer: StreamWriter = {
    write: (chunk) => void (text += String(chunk)),
    unsentBytes: 0,
    closed: false,
    onClose: () => {},
    onDrain: () => {},
    end: () => {},
    finished: () => Promise.resolve(),
    destroy: () => {},
  }
  return {
    writer,
    ids: () =>
      text
        .split('\n')
        .filter((line) => line.startsWith('id: '))
        .map((line) => line.slice(4)),
  }
}

const at = (positions: Record<string, string>): Subscription => ({
  cursors: () => positions,
  pause: () => {},
  resume: () => {},
  leave: () => {},
  close: () => {},
})

test('no id moves past a lost history before its reset is told', () => {
  const following = at({ a: '1-3', b: '2-8', c: '3-3' })
  const from = new Map([['a', '1-3']])
  const feed = new ClientFeed({ channels: ['a', 'b', 'c'], from, lost: ['b', 'c'], stallMs: 1000 })
  const { writer, ids } = recorder()
  feed.start(writer, following)
  expect(ids()).toEqual(['a=1-3', 'a=1-3&b=2-8', 'a=1-3&b=2-8&c=3-3'])
})

test('no id skips an event that comes after it', () => {
  const following = at({ a: '1-3', b: '2-8', c: '3-3' })
  const feed = new ClientFeed({
    channels: ['a', 'b', 'c'],
    from: new Map([['a', '1-1']]),
    lost: [],
    stallMs: 1000,
  })
  feed.onEvent(message('a', '1-2'), following)
  feed.onEvent(message('b', '2-8'), following)
  feed.onEvent(message('a', '1-3'), following)
  const { writer, ids } = recorder()
  feed.start(writer, following)
  feed.onEvent(message('c', '3-4'), following)
  expect(ids()).toEqual([
    'a=1-1&c=3-3',
    'a=1-2&c=3-3',
    'a=1-2&c=3-3&b=2-8',
    'a=1-3&c=3-3&b=2-8',
    'a=1-3&c=3-4&b=2-8',
  ])
})

test('a nudge does not move the position', () => {
  const following = at({ a: '1-2' })
  const feed = new ClientFeed({ channels: ['a'], from: new Map(), lost: [], stallMs: 1000 })
  const { writer, ids } = recorder()
  feed.start(writer, following)
  feed.onEvent(message('a', null), following)
  feed.onEvent(message('a', '1-3'), following)
  expect(ids()).toEqual(['a=1-2', 'a=1-3'])
})

test('a client that is not live yet is given no more than it may hold', () => {
  let paused = 0
  const following = { ...at({ a: '1-1' }), pause: () => paused++, resume: () => paused-- }
  const feed = new ClientFeed({ channels: ['a'], from: new Map(), lost: [], stallMs: 1000 })
  feed.onEvent(message('a', '1-2', `"${'x'.repeat(BEHIND_BYTES)}"`), following)
  expect(paused).toBe(1)
  const { writer } = recorder()
  feed.start(writer, following)
  expect(paused).toBe(0)
})

test('JSON that spans lines stays one line of data, and one position shares one string', () => {
  const event = message('a', '1-1', '{\n  "x": "\\n"\r\n}')
  if (event.kind !== 'message') throw new Error('no message')
  const text = messageFrame(event, 'a=1-1')
  expect(text).toBe('id: a=1-1\nevent: message\ndata: {"channel":"a","data":{   "x": "\\n" }}\n\n')
  expect(messageFrame(event, 'a=1-1')).toBe(text)
  expect(messageFrame(event, undefined)).toBe(
    'event: message\ndata: {"channel":"a","data":{   "x": "\\n" }}\n\n',
  )
})
