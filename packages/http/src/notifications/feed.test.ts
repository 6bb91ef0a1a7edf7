import type { NotifierEvent, Subscription } from '@penknife/core'
import { expect, test } from 'vitest'

import type { StreamWriter } from '../writer.ts'
import { createFeed } from './feed.ts'
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
  close: () => {},
})

test('no id skips an event that comes after it', () => {
  const feed = createFeed({ channels: ['a', 'b', 'c'], from: new Map([['a', '1-1']]), lost: [] })
  feed.onEvent(message('a', '1-2'))
  feed.onEvent(message('b', '2-8'))
  feed.onEvent(message('a', '1-3'))
  const { writer, ids } = recorder()
  feed.start(writer, at({ a: '1-3', b: '2-8', c: '3-3' }))
  feed.onEvent(message('c', '3-4'))
  expect(ids()).toEqual([
    'a=1-1&c=3-3',
    'a=1-2&c=3-3',
    'a=1-2&c=3-3&b=2-8',
    'a=1-3&c=3-3&b=2-8',
    'a=1-3&c=3-4&b=2-8',
  ])
})

test('nudges and channels that drop out of the bound do not move the position', () => {
  const feed = createFeed({ channels: ['a', 'b'], from: new Map([['a', '1-1']]), lost: [] })
  feed.onEvent(message('a', '1-2', `"${'x'.repeat(600_000)}"`))
  feed.onEvent(message('a', '1-3'))
  feed.onEvent(message('b', '2-1'))
  feed.onEvent(message('a', null))
  const { writer, ids } = recorder()
  expect(feed.start(writer, at({ a: '1-3', b: '2-1' }))).toBe(false)
  expect(ids()).toEqual(['a=1-1', 'a=1-2'])
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
