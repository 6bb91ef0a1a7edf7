import {
  createLeaderboard,
  createNotifier,
  createRateLimiter,
  createStream,
  type Space,
} from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { startProgram } from '../support/child.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'

const bench = useRedis()

/** Of the heap, for an object that was made and dropped. One that is kept takes 4 KB and more. */
const NOISE_BYTES = 1500

const KINDS = [
  'createRateLimiter',
  'createRateLimiter, used',
  'createLeaderboard',
  'createLeaderboard, used',
  'createStream',
  'createStream, used',
  'createNotifier',
  'createNotifier, used',
  'penknife.space',
  'rateLimit',
  'notifications',
  'requestLog',
  'idempotent',
]

test('the objects that factories return are garbage-collected when they are no longer used', async () => {
  const child = startProgram('factories', [bench.server.url], ['--expose-gc', '--single-threaded-gc'])
  const left: Record<string, number> = {}
  for (const _ of KINDS) {
    const [what, bytes] = await child.next<[string, number]>()
    left[what] = bytes
  }
  expect(Object.keys(left)).toEqual(KINDS)
  expect(Object.entries(left).filter(([, bytes]) => bytes >= NOISE_BYTES)).toEqual([])
})

const rules = [{ name: 'r', limit: 5, window: '1m' }] as const

/** What was warned of while something ran, as far as it is about factories. */
async function warningsOf(run: (space: Space) => void): Promise<string[]> {
  const { space } = await openReady(pattern(bench.server.url))
  const warnings: string[] = []
  const onWarning = (warning: Error & { code?: string }): void => {
    if (warning.code === 'PENKNIFE_REPEATED_FACTORY') warnings.push(warning.message)
  }
  process.on('warning', onWarning)
  onTestFinished(() => void process.off('warning', onWarning))
  run(space('shop'))
  await new Promise((resolve) => setImmediate(resolve))
  return warnings
}

test.each<[string, (space: Space) => unknown, string]>([
  ['createRateLimiter', (space) => createRateLimiter(space, 'api', { rules }), 'api'],
  ['createLeaderboard', (space) => createLeaderboard(space, 'points'), 'points'],
  ['createStream', (space) => createStream(space, 'orders'), 'orders'],
  ['createNotifier', (space) => createNotifier(space, 'main'), 'main'],
])('%s that is called for each request causes one warning, with the fix', async (factory, make, name) => {
  const warnings = await warningsOf((space) => {
    for (let request = 0; request < 1000; request++) make(space)
  })
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toMatch(`${factory} was called 100 times for '${name}' of space 'shop': call it once`)
})

test('many objects of different names are no reason for a warning', async () => {
  const warnings = await warningsOf((space) => {
    for (let round = 0; round < 3; round++) {
      for (let at = 0; at < 600; at++) createLeaderboard(space, `b${at}`)
    }
  })
  expect(warnings).toEqual([])
})
