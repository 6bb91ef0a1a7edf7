import { expect, test } from 'vitest'

import { causesText, cut, errorText, isWellFormed, wellFormed, printable, quoted } from './text.ts'

test('half a surrogate pair is not well-formed, a whole one is', () => {
  expect(isWellFormed('ann😀')).toBe(true)
  expect(isWellFormed('ann😀'.slice(0, 4))).toBe(false)
  expect(isWellFormed('\ude00ann')).toBe(false)
  expect(wellFormed('a\ud83d😀\ude00b')).toBe('a\ufffd😀\ufffdb')
})

test('a cut leaves no half of an emoji', () => {
  expect(cut('ann😀', 4)).toBe('ann')
  expect(cut('ann😀', 5)).toBe('ann😀')
  expect(cut('annual', 3)).toBe('ann')
})

test('any thrown value has a text', () => {
  expect(errorText(new Error('lost'))).toBe('lost')
  expect(errorText('lost')).toBe('lost')
  expect(errorText(Object.assign(new Error('x'), { message: null }))).toBeTypeOf('string')
  expect(errorText(Object.create(null))).toBeTypeOf('string')
  expect(
    errorText(
      new Proxy(
        {},
        {
          get: () => {
            throw new Error('no')
          },
        },
      ),
    ),
  ).toBeTypeOf('string')
  expect(errorText(Symbol('lost'))).toBe('Symbol(lost)')
  expect(errorText(undefined)).toBe('undefined')
})

test('the text of an error has its causes, of several errors the first one', () => {
  const refused = new AggregateError([new Error('connect ECONNREFUSED ::1:80'), new Error('other')])
  expect(causesText(new TypeError('fetch failed', { cause: refused }))).toBe(
    'fetch failed: AggregateError: connect ECONNREFUSED ::1:80',
  )
  expect(causesText(new Error('mail failed: busy', { cause: new Error('busy') }))).toBe('mail failed: busy')
  const ring = new Error('ring')
  ring.cause = ring
  expect(causesText(ring)).toBe('ring')
  for (const thrown of [undefined, null, 'lost', new Error('lost', { cause: [1] }), Object.create(null)]) {
    expect(causesText(thrown)).toBe(errorText(thrown))
  }
  const hostile = Object.defineProperty(new Error('lost'), 'cause', {
    get: () => {
      throw new Error('no')
    },
  })
  expect(causesText(hostile)).toBe('lost')
})

test('text for a log is bounded, and no emoji is cut in two', () => {
  expect(printable('a'.repeat(10), 4)).toBe('aaaa')
  expect(printable('ann😀', 4)).toBe('ann')
  expect(printable('\ud83d!', 4)).toBe('\ufffd!')
  expect(printable('a'.repeat(1000))).toBe('a'.repeat(1000))
})

const HOSTILE = 'a\r\nb\u0085c\u009b31md\u2028e\u202ef\u2066g\u0000h\u007f'

test('characters that fake lines, control terminals or reverse text are replaced', () => {
  expect(printable(HOSTILE)).toBe('a\ufffd\ufffdb\ufffdc\ufffd31md\ufffde\ufffdf\ufffdg\ufffdh\ufffd')
  expect(printable('Zoë 日本 \u00a0 العربية')).toBe('Zoë 日本 \u00a0 العربية')
})

test('in quotes such characters are escapes, and the text can be read back', () => {
  expect(quoted(HOSTILE, 100)).toBe(String.raw`"a\r\nb\u0085c\u009b31md\u2028e\u202ef\u2066g\u0000h\u007f"`)
  expect(JSON.parse(quoted(HOSTILE, 100))).toBe(HOSTILE)
})
