import type { NotifierMessage } from '@penknife/core'
import { expect, test } from 'vitest'

import { createCursor } from '../session/cursor.ts'
import { createEventFrames, farewellFrame, messageFrame } from './frames.ts'

const event: NotifierMessage = {
  kind: 'message',
  channel: 'a',
  id: '1-1',
  type: 'message',
  json: '{\n  "x": "\\n"\r\n}',
  data: undefined,
}

test('JSON that spans lines stays one line of data', () => {
  const data = 'data: {"channel":"a","data":{   "x": "\\n" }}\n\n'
  expect(messageFrame(event, 'a=1-1')).toBe(`id: a=1-1\nevent: message\n${data}`)
  expect(messageFrame(event, undefined)).toBe(`event: message\n${data}`)
})

test.each([1, 2])('clients of %i channels at one position share one frame', (channels) => {
  const frames = createEventFrames()
  const cursor = createCursor(['a', 'b'].slice(0, channels), new Map([['a', '1-1']]))
  const text = frames.of(event, cursor)
  expect(text).toBe(messageFrame(event, 'a=1-1'))
  expect(Object.is(frames.of(event, cursor), text)).toBe(true)
})

test('a nudge has no id, and a farewell without a time is empty', () => {
  const cursor = createCursor(['a'], new Map([['a', '1-1']]))
  expect(createEventFrames().of({ ...event, id: null }, cursor)).toMatch(/^event: message\n/)
  expect(farewellFrame({ kind: 'reconnect', afterMs: undefined })).toBe('')
  expect(farewellFrame({ kind: 'reconnect', afterMs: 12.4 })).toBe('retry: 12\n\n')
})
