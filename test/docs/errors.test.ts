import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'

import { expect, test } from 'vitest'

import { ERROR_CODES, type ErrorCode, PenknifeError, type ServerFinding } from '@penknife/core'

test('docs/errors.md has a section for every error code, and for no other', () => {
  const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const sections = [...text.matchAll(/^## (\w+)$/gm)].map(([, code]) => code)
  expect(new Set(sections)).toEqual(new Set(Object.keys(ERROR_CODES)))
})

test('docs/errors.md has every code of a process warning, and no other', async () => {
  const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const [, warnings = ''] = text.split('## Process warnings')
  const known = [...warnings.matchAll(/^\| `(\w+)`/gm)].map(([, code]) => code)
  const findings: Record<ServerFinding['code'], string> = {
    eviction: 'PENKNIFE_EVICTION',
    'missing-command': 'PENKNIFE_MISSING_COMMAND',
    'old-version': 'PENKNIFE_OLD_VERSION',
    persistence: 'PENKNIFE_PERSISTENCE',
    unreadable: 'PENKNIFE_UNREADABLE',
  }
  const used = new Set<string>(Object.values(findings))
  for (const name of ['core', 'http']) {
    const folder = new URL(`../../packages/${name}/src/`, import.meta.url)
    const files = (await readdir(folder, { recursive: true })).filter((file) =>
      /(?<!\.test)(?<!\.test-d)\.ts$/.test(file),
    )
    for (const file of files) {
      const source = readFileSync(new URL(file, folder), 'utf8')
      for (const [code] of source.matchAll(/(?<=')PENKNIFE_[A-Z_]+(?=')/g)) {
        if (!(code in ERROR_CODES)) used.add(code)
      }
    }
  }
  expect(new Set(known)).toEqual(used)
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
