import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { ERROR_CODES } from '@penknife/core'

test('docs/errors.md has a section for every error code, and for no other', () => {
  const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const sections = [...text.matchAll(/^## (\w+)$/gm)].map(([, code]) => code)
  expect(new Set(sections)).toEqual(new Set(Object.keys(ERROR_CODES)))
})
