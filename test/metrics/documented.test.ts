import { readFileSync } from 'node:fs'

import { connect } from '@penknife/core'
import { createMetrics } from '@penknife/core/metrics'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'

import { DEFINITIONS } from '../../packages/core/src/metrics/definitions.ts'

const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')

/** The rows of the tables of metrics, without spaces that align them. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| `penknife_'))
  .map((line) => line.split('|').map((cell) => cell.trim()))

test('docs/metrics.md lists every metric with its type, labels and meaning, and no other', () => {
  const expected = Object.entries(DEFINITIONS).map(([name, { type, names, kinds, help }]) => {
    const labels = [...names, ...kinds].map((label) => `\`${label}\``)
    return ['', `\`${name}\``, type, labels.join(', '), help, '']
  })
  expect(rows).toEqual(expected)
})

test('names follow the conventions of Prometheus: counters end in _total, times are in seconds', () => {
  for (const [name, { type }] of Object.entries(DEFINITIONS)) {
    expect(name.endsWith('_total'), name).toBe(type === 'counter')
    expect(name).not.toMatch(/_(ms|milliseconds|minutes)\b/)
    if (type === 'histogram') expect(name).toMatch(/_(seconds|calls)$/)
  }
})

test('while Redis is away a scrape shows every metric, and says that it is away', async () => {
  const client = new Redis({ path: '/nowhere/redis.sock', lazyConnect: true })
  const penknife = connect(client, { deadline: '100ms' })
  onTestFinished(() => penknife.close())
  const { register } = createMetrics(penknife)
  const text = await register.metrics()
  expect(text).toContain('penknife_redis_up{redis="default"} 0')
  for (const name of Object.keys(DEFINITIONS)) expect(text).toContain(`# TYPE ${name} `)
})
