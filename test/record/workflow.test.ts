import { expect, test } from 'vitest'

import { startProgram } from '../support/child.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()
const KEY = 'pk1:{media}:'

test('a workflow of three steps with fan-out and fan-in, killed at every moment of every step, ends exactly once', async () => {
  const kills = ['split', 'encode', 'join'].flatMap((step) =>
    ['before', 'during', 'after'].map((moment) => `${step} ${moment}`),
  )
  for (const [at, kill] of kills.entries()) {
    const { code, stderr } = await startProgram('film-worker', [bench.server.url, `film-${at}`, kill]).ended()
    expect({ code, failed: stderr.includes('Error') }, kill).toEqual({ code: null, failed: false })
  }
  startProgram('film-worker', [bench.server.url, ''])
  const once = Object.fromEntries(kills.map((_, at) => [`film-${at}`, '1']))
  await until('all films are joined', async () => {
    const joined = await bench.raw.hgetall(`${KEY}counter:joined`)
    const left = await Promise.all(
      ['films', 'parts', 'whole'].map((stream) => bench.raw.xlen(`${KEY}stream:${stream}`)),
    )
    return Object.keys(joined).length === kills.length && left.every((length) => length === 0)
  })
  expect(await bench.raw.hgetall(`${KEY}counter:joined`)).toEqual(once)
  expect(await bench.raw.hgetall(`${KEY}counter:encoded`)).toEqual(
    Object.fromEntries(Object.keys(once).map((film) => [film, '3'])),
  )
}, 120_000)
