import { connect, type Penknife } from '@penknife/core'
import { startTestRedis, type TestRedis } from '@penknife/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import type { Arg } from '../../packages/core/src/redis/script.ts'
import { available } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { type AnyScript, prepare, SCRIPT_CASES } from '../support/script-calls.ts'
import type { Sample } from '../support/samples.ts'

const bench = useRedis()

/** By so much later Redis itself would expire a key of a test. */
const FAR_MS = 1e14
const SOON_MS = 10_000

let redis: TestRedis
/** Without the clock of tests. */
let plainly: Penknife

beforeAll(async () => {
  redis = await startTestRedis({ url: bench.server.url })
  plainly = connect(pattern(bench.server.url))
  await available(plainly)
})
afterAll(async () => {
  await plainly.close()
  await redis.close()
})
beforeEach(() => redis.reset())

/** A script's reply without times, and the keys that it left: their types and TTLs. */
async function outcome(penknife: Penknife, script: AnyScript, { item, shared = [], before = [] }: Sample) {
  await prepare(bench.raw, before)
  const { bind, keys } = penknife.space('samples').runtime
  const reply = await bind(script, shared, 5000)(keys.route, ...(item as Arg[]))
  const left = (await bench.raw.keys('*')).toSorted()
  const ends = await Promise.all(left.map((key) => bench.raw.pexpiretime(key)))
  const types = await Promise.all(left.map((key) => bench.raw.type(key)))
  return { shape: shapeOf(reply), keys: left.map((key, at) => `${key} ${types[at]}`), ends }
}

function shapeOf(reply: unknown): unknown {
  if (Array.isArray(reply)) return reply.map(shapeOf)
  return reply === null ? null : typeof reply
}

describe('a script on the clock of tests does the same as without it', () => {
  test.each(SCRIPT_CASES)('$name', async ({ script, sample }) => {
    const plain = await outcome(plainly, script, sample)
    const kit = await outcome(redis.penknife, script, sample)
    expect(kit.shape).toEqual(plain.shape)
    expect(kit.keys).toEqual(plain.keys)
    for (const [at, end] of plain.ends.entries()) {
      const own = kit.ends[at] as number
      // What the sample's own commands gave a time to live keeps it.
      expect(Math.abs((own > FAR_MS ? own - FAR_MS : own) - end)).toBeLessThan(SOON_MS)
    }
  })
})
