import { createStream, type Penknife, type PenknifeError } from '@penknife/core'
import { describe, expect, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { useTrials } from '../support/damage.ts'
import { useRedis } from '../support/redis.ts'
import { type Command, errorsOf, keysOf, SCRIPT_CASES } from '../support/script-calls.ts'

const bench = useRedis()
const trials = useTrials(bench)

const cases = SCRIPT_CASES.filter(({ script }) => script.name.startsWith('stream/'))

const LAST = '18446744073709551615-18446744073709551615'
const TYPES = new Set(['a string', 'a list', 'a set', 'a hash', 'a sorted set'])

/** Something in each key that a sample leaves empty, so that a script that deletes it is noticed. */
function fill(keys: readonly string[]): readonly Command[] {
  return keys.flatMap((key): Command[] => {
    if (key.includes(':delayed:')) return [['ZADD', key, 4e15, 'x']]
    if (/:dead:|:ready:/.test(key)) return [['XADD', key, '0-1', 'i', '1-1', 'a', 1, 'f', 1, 'd', '{}']]
    if (/:settled:|:paused:/.test(key)) return [['SET', key, '0 ']]
    return []
  })
}

/** What other hands may make of a key that a sample prepared. */
function damagesOf(key: string): Readonly<Record<string, readonly Command[]>> {
  const group: Command = ['XGROUP', 'CREATE', key, 'billing', '0', 'MKSTREAM']
  const kept: Command = ['XREADGROUP', 'GROUP', 'billing', 'w1', 'STREAMS', key, '>']
  const instead: Readonly<Record<string, readonly Command[]>> = {
    nothing: [],
    'a string': [['SET', key, 'x']],
    'a list': [['RPUSH', key, 'x']],
    'a set': [['SADD', key, 'x']],
    'a hash': [['HSET', key, 'd', 'x']],
    'a sorted set': [['ZADD', key, 0, 'x', 1, '\0\0', 'inf', '', '-inf', '{}']],
    'a stream without groups': [['XADD', key, '*', 'x', 'y']],
    'a stream of another group': [['XGROUP', 'CREATE', key, 'other', '$', 'MKSTREAM']],
    'a stream of foreign entries': [
      ['XADD', key, '1-1', 'x', 'y'],
      ['XADD', key, '1-2', 'i', 'item-7', 'a', 'amount', 'd', 'x'],
      ['XADD', key, '1-3', 'i', '', 'a', '', 'f', '', 'n', 'never', 't', ''],
      ['XADD', key, '1-4', 'i', '1-1', 'a', '1e400', 'f', 'nan'],
      group,
      kept,
    ],
    'a stream after which no id is left': [['XADD', key, LAST, 'd', '{}'], group, kept],
    'a stream whose pending entry was deleted': [
      ['XADD', key, '1-1', 'd', '{}'],
      group,
      kept,
      ['XDEL', key, '1-1'],
    ],
  }
  return Object.fromEntries(
    Object.entries(instead).map(([name, commands]) => [name, [['DEL', key], ...commands]]),
  )
}

const fateOf = (error: unknown): string | undefined => (error as PenknifeError | undefined)?.fate

describe.each([
  ['alone', 1, cases],
  ['twice in a batch', 2, cases.filter(({ script }) => script.batch > 1)],
])('a stream script with damaged keys, called %s', (_, times, called) => {
  test.each(called)('$name: changed nothing when the fate is not-done', async ({ script, sample }) => {
    const keys = keysOf(script, sample)
    const prepared = [...fill(keys), ...(sample.before ?? [])] as Command[]
    const damaged = keys.flatMap((key, nth) =>
      Object.entries(damagesOf(key))
        // In a batch, the code of an item is the same: every second damage, others of the next key.
        .filter((_damage, at) => times === 1 || (at + nth) % 2 === 0)
        .map(([damage, commands]) => ({
          what: `${key} is ${damage}`,
          damage,
          commands: [...prepared, ...commands],
          call: (penknife: Penknife) => errorsOf(penknife, script, sample, times),
        })),
    )
    const wrong = (await trials.run(damaged)).filter(({ errors, changed }, at) => {
      const fates = errors.map(fateOf)
      // A key of another type is found before anything is written.
      if (TYPES.has(damaged[at]?.damage ?? '') && fates.includes('unknown')) return true
      return changed.length > 0 && fates.every((fate) => fate === 'not-done')
    })
    expect(wrong).toEqual([])
  })
})

test('an add to a stream that has no id left fails with fate not-done', async () => {
  const key = 'pk1:{shop}:stream:orders'
  await bench.raw.xadd(key, LAST, 'd', '{}')
  const stream = createStream((trials.penknives[0] as Penknife).space('shop'), 'orders')
  const refused = [stream.add(1), stream.add(1, { id: 'k' }), stream.add(1, { delay: '1s' })]
  const errors = await Promise.all(refused.map(failure))
  expect(errors.map(({ fate }) => fate)).toEqual(['not-done', 'not-done', 'not-done'])
  expect(await bench.raw.keys('*')).toEqual([key])
})
