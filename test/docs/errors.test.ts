import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'

import { expect, test } from 'vitest'

import { ERROR_CODES, type ErrorCode, PenknifeError } from '@penknife/core'

test('docs/errors.md has a section for every error code, and for no other', () => {
  const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const sections = [...text.matchAll(/^## (\w+)$/gm)].map(([, code]) => code)
  expect(new Set(sections)).toEqual(new Set(Object.keys(ERROR_CODES)))
})

test('docs/errors.md has every code of a warning that a middleware gives', async () => {
  const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const [, warnings = ''] = text.split('## Process warnings')
  const known = [...warnings.matchAll(/^\| `([\w-]+)`/gm)].map(([, code]) => code)
  const folder = new URL('../../packages/http/src/', import.meta.url)
  const files = (await readdir(folder, { recursive: true })).filter((file) => /(?<!\.test)\.ts$/.test(file))
  const used = new Set<string>()
  for (const file of files) {
    const source = readFileSync(new URL(file, folder), 'utf8')
    for (const [code] of source.matchAll(/(?<=')PENKNIFE_[A-Z_]+(?=')/g)) {
      if (!(code in ERROR_CODES)) used.add(code)
    }
  }
  expect(new Set(known)).toEqual(new Set([...used, 'many-objects', 'repeated-factory']))
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
