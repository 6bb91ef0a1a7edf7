import type { NotifierMessage } from '@penknife/core'
import { expect, test } from 'vitest'

import { createCursor } from '../session/cursor.ts'
import { formatOf } from './format.ts'
import { createEventFrames, farewellFrame } from './frames.ts'

const event: NotifierMessage = {
  kind: 'message',
  channel: 'a',
  id: '1-1',
  type: 'message',
  json: '{\n  "x": "\\n"\r\n}',
  data: undefined,
}

const at = createCursor(['a'], new Map([['a', '1-1']]))

test('JSON that spans lines stays one line of data', () => {
  const data = 'data: {"channel":"a","data":{   "x": "\\n" }}\n\n'
  expect(createEventFrames().of(event, at)).toBe(`id: a=1-1\nevent: message\n${data}`)
  expect(createEventFrames().of({ ...event, id: null }, at)).toBe(`event: message\n${data}`)
})

test('raw text keeps its lines, and other data are JSON', () => {
  const frames = createEventFrames(formatOf('raw', () => {}))
  const text = '<li>one</li>\r\n<li>two</li>\rid: forged\n'
  const lines = 'data: <li>one</li>\ndata: <li>two</li>\ndata: id: forged\ndata: \n\n'
  expect(frames.of({ ...event, data: text }, at)).toBe(`id: a=1-1\nevent: message\n${lines}`)
  expect(frames.of({ ...event, json: '{"x":\n1}', data: { x: 1 } }, at)).toMatch(/data: \{"x": 1\}\n\n$/)
  const state = { kind: 'state', channel: 'a', id: '1-1', state: '<p>' } as const
  expect(frames.of(state, at)).toBe('id: a=1-1\nevent: state\ndata: <p>\n\n')
})

test.each([
  undefined,
  {},
  { data: 1 },
  { data: '', event: 'a\nid: b' },
  { data: '', id: 'a,b' },
  { data: '', id: '' },
])('a format that returns %j is reported, and the client gets a reset', (wrong) => {
  const reports: unknown[] = []
  const frames = createEventFrames(
    formatOf(
      () => wrong as never,
      (fault) => reports.push(fault),
    ),
  )
  expect(frames.of(event, at)).toBe('id: a=1-1\nevent: reset\ndata: {"channel":"a"}\n\n')
  expect(frames.of({ ...event, id: null }, at)).toBe(':\n\n')
  expect(reports).toHaveLength(2)
})

test('a format is asked once for clients at different positions', () => {
  let asked = 0
  const frames = createEventFrames(
    formatOf(
      (message) => ({ data: 'x', event: message.channel, id: `own:${(asked += 1)}` }),
      () => {},
    ),
  )
  const other = createCursor(['a', 'b'], new Map([['b', '2-2']]))
  expect(frames.of(event, at)).toBe('id: own:1,a=1-1\nevent: a\ndata: x\n\n')
  expect(frames.of(event, other)).toBe('id: own:1,b=2-2\nevent: a\ndata: x\n\n')
})

test.each([1, 2])('clients of %i channels at one position share one frame', (channels) => {
  const frames = createEventFrames()
  const cursor = createCursor(['a', 'b'].slice(0, channels), new Map([['a', '1-1']]))
  const text = frames.of(event, cursor)
  expect(text).toMatch(/^id: a=1-1\n/)
  expect(Object.is(frames.of(event, cursor), text)).toBe(true)
})

test('a nudge has no id, and a farewell without a time is empty', () => {
  const cursor = createCursor(['a'], new Map([['a', '1-1']]))
  expect(createEventFrames().of({ ...event, id: null }, cursor)).toMatch(/^event: message\n/)
  expect(farewellFrame({ kind: 'reconnect', afterMs: undefined })).toBe('')
  expect(farewellFrame({ kind: 'reconnect', afterMs: 12.4 })).toBe('retry: 12\n\n')
})
