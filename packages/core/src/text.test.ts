import { expect, test } from 'vitest'

import { cut, errorText, isWellFormed, wellFormed } from './text.ts'

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
