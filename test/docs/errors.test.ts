import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { ERROR_CODES, type ErrorCode, PenknifeError } from '@penknife/core'

test('docs/errors.md has a section for every error code, and for no other', () => {
  const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const sections = [...text.matchAll(/^## (\w+)$/gm)].map(([, code]) => code)
  expect(new Set(sections)).toEqual(new Set(Object.keys(ERROR_CODES)))
})

test('an error says whether Redis could not answer', () => {
  const outages = Object.keys(ERROR_CODES).filter((code) => new PenknifeError(code as ErrorCode, '').outage)
  expect(outages).toEqual([
    'PENKNIFE_TIMEOUT',
    'PENKNIFE_UNAVAILABLE',
    'PENKNIFE_OVERLOADED',
    'PENKNIFE_FATE_UNKNOWN',
    'PENKNIFE_NOT_DURABLE',
  ])
})
