import { expect, test } from 'vitest'

import { checkOptions } from './options.ts'

test('a promise of options is refused, and the error says to await it', () => {
  const options = Promise.resolve({ limit: 5 })
  expect(() => checkOptions('createStream', options, ['limit'])).toThrow(
    'createStream options is a promise: await it, and give the object that it resolves with',
  )
})

test('the rejection of a refused promise of options does not end the process', async () => {
  const rejections: unknown[] = []
  const note = (reason: unknown): unknown => rejections.push(reason)
  process.on('unhandledRejection', note)
  expect(() => checkOptions('connect', Promise.reject(new Error('no')), [])).toThrow('await it')
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', note)
  expect(rejections).toEqual([])
})
