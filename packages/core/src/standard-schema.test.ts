import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { conform, type StandardSchema } from './standard-schema.ts'

function schema(validate: () => unknown): StandardSchema<unknown, number> {
  return { '~standard': { version: 1, vendor: 'test', validate: validate as never } }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a schema that never settles is an error after 30 seconds', async () => {
  const checked = conform(
    schema(() => new Promise(() => {})),
    'payload',
    1,
  )
  const failed = Promise.resolve(checked).catch((error: unknown) => error)
  await vi.advanceTimersByTimeAsync(30_000)
  expect(await failed).toMatchObject({
    code: 'PENKNIFE_INVALID',
    option: 'payload',
    message: "payload's schema did not settle within 30 s: give it no check that may wait that long",
  })
})

test('a schema that settles in time leaves no timer', async () => {
  expect(
    await conform(
      schema(async () => ({ value: 7 })),
      'payload',
      1,
    ),
  ).toBe(7)
  const broken = conform(
    schema(() => Promise.reject(new Error('on purpose'))),
    'payload',
    1,
  )
  await expect(broken).rejects.toThrow('on purpose')
  expect(vi.getTimerCount()).toBe(0)
})
