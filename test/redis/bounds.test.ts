import {
  connect,
  createLeaderboard,
  createNotifier,
  createRateLimiter,
  createStream,
  type Penknife,
} from '@penknife/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { Arg } from '../../packages/core/src/redis/script.ts'
import { available, failure } from '../support/connect.ts'
import { countedText, TOO_MANY } from '../support/counted-script.ts'
import { keyspace } from '../support/keyspace.ts'
import { pattern, useRedis } from '../support/redis.ts'
import {
  type AnyScript,
  type Command,
  evalArgs,
  keysOf,
  prepare,
  SCRIPT_CASES,
} from '../support/script-calls.ts'
import { LONG } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

// With any content of a key a script ends soon: stored data does not decide how many steps it takes.

const bench = useRedis()
let penknife: Penknife
beforeAll(async () => {
  penknife = connect(pattern(bench.server.url))
  await available(penknife)
})
afterAll(() => penknife?.close())

/**
 * Doubles as the limiter packs them, and values that break counting: that do not change by 1, that compare with
 * nothing, and infinities.
 */
const DOUBLES = [0, 1, -1, 0.5, 1e-300, 2 ** 53, 1e300, Infinity, -Infinity, NaN]

/** Every double is tried beside each of these; with PENKNIFE_LONG=1, beside every other one. */
const USUAL = new Set([1, Infinity, NaN])

function packed(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 * numbers.length)
  for (const [at, number] of numbers.entries()) bytes.writeDoubleLE(number, 8 * at)
  return bytes
}

/** Numbers of an id around those that Lua counts exactly, and the last that Redis has. */
const NUMBERS = ['9007199254740991', '9007199254740992', '9007199254740993', '18014398509481985']
const IDS = [
  ...NUMBERS.map((number) => `5-${number}`),
  ...NUMBERS.map((number) => `${number}-1`),
  '18446744073709551614-18446744073709551615',
]
const FIELDS: readonly (readonly string[])[] = [
  ['x', 'y'],
  ['t', 'type', 'd', '{}', 'g', 'bf5d3a', 'a', 'inf', 'x', 'nan'],
  ['t', 'type', 'd', '{}', 'g', 'bf5d3a', 'a', '0'],
  ['i', '1-1', 'a', 'inf', 'f', 'nan', 'd', '{}', 'n', '-inf'],
  ['m', 'ann', 'b', 'inf'],
  ['m', 'ann', 'b', '+'],
]
const SCORES = ['-inf', '-1e300', '0', '9007199254740991', '9007199254740993', '1e300']
const MEMBERS = ['', 'ann', 'inf', `${' '.repeat(14)}inf:p:1`, `${' '.repeat(14)}nan:p:2`, '\0', '{}']

const WORDS = [
  'inf',
  'nan -inf',
  '9007199254740993 1e300 -1',
  '5-9007199254740993 1',
  '{"a":',
  '1 '.repeat(100_000),
]

/**
 * The most steps of a call, by the content of the key that is extreme: rounds of loops, commands and elements of their replies. A step
 * takes about a microsecond.
 */
const MOST_STEPS = {
  packed: 5000,
  string: 1000,
  zset: 2500,
  /** A call ends as many permits as have expired, up to 1,000. */
  permits: 5000,
  /** A call rewrites all leases after the clock was set back: of the largest limit, 10,000. */
  leases: 40_000,
  stream: 1500,
  hash: 1000,
} as const
type Type = keyof typeof MOST_STEPS

/** The type of a key's content, by its domain and the first part after the name that decides it. */
const TYPES: readonly (readonly [RegExp, Type])[] = [
  [/\}:(lock|once|request|fence|counter-id|permit-extra|record):/, 'string'],
  [/\}:counter:\w+(:reserved)?(:next)?$|\}:object:|\}:stream:\w+:schedules$|:committed:/, 'hash'],
  [/\}:(limit|limit-log):/, 'packed'],
  [/\}:permit:/, 'permits'],
  [/\}:limit-slots:/, 'leases'],
  [/\}:notify-id:|\}:stream:\w+:(once|mark|paused|declaration)/, 'string'],
  [/\}:board:\w+:(data|ids$|.*:(gone|parts)$)/, 'hash'],
  [/\}:(notify|notify-control):|\}:board:.*log$|\}:stream:\w+(:(ready|dead):\w+)?$/, 'stream'],
]

function typeOf(key: string): Type {
  return TYPES.find(([names]) => names.test(key))?.[1] ?? 'zset'
}

function members(first: number, count: number, score: (at: number) => number): readonly Arg[] {
  return Array.from({ length: count }, (_, at) => [score(first + at), `member ${first + at}`]).flat()
}

const KEY = 'extreme'
/** Of 100 entries at both ends of the large stream: scripts that read 256 KiB at most stop there. */
const PAYLOAD = JSON.stringify('x'.repeat(3000))
const GROUP: readonly Command[] = [
  ['XGROUP', 'CREATE', KEY, 'billing', '0', 'MKSTREAM'],
  ['XREADGROUP', 'GROUP', 'billing', 'w1', 'STREAMS', KEY, '>'],
]

const SET = {
  'a sorted set of extreme scores': MEMBERS.map((member, at): Command => [
    'ZADD',
    KEY,
    SCORES[at] ?? 'inf',
    member,
  ]),
}

/** More members than a call may take steps. */
const large = (most: number): readonly Command[] => [
  ['ZADD', KEY, ...members(0, most * 0.6, (at) => at - 500)],
  ['ZADD', KEY, ...members(most * 0.6, most * 0.6, () => Infinity)],
]

const chargedLater = (count: number): readonly Command[] => [
  ['ZADD', KEY, '-9e15', ''],
  ...Array.from({ length: count / 1000 }, (_, step): Command => [
    'ZADD',
    KEY,
    ...members(step * 1000, 1000, () => 8e15),
  ]),
]

const EXTREMES: Readonly<Record<Type, Readonly<Record<string, readonly Command[]>>>> = {
  packed: {
    ...Object.fromEntries(
      DOUBLES.flatMap((first) =>
        DOUBLES.filter((second) => LONG || USUAL.has(first) || USUAL.has(second)).map((second) => [
          `doubles that begin with ${first} and ${second}`,
          [['SET', KEY, packed(first, second, second, first, second)]],
        ]),
      ),
    ),
    'a long string': [['SET', KEY, Buffer.alloc(40 * 50_000, packed(7, 2 ** 52, 1, 1, 1))]],
    'a log of as many charges as there can be': [
      ['SET', KEY, Buffer.concat([packed(0), ...Array.from({ length: 2000 }, () => packed(1e300, NaN))])],
    ],
  },
  string: {
    ...Object.fromEntries(
      WORDS.map((word) => [`the words ${word.slice(0, 40)}`, [['SET', KEY, word]]] as const),
    ),
    'a string of doubles': [['SET', KEY, packed(...DOUBLES)]],
  },
  zset: { ...SET, 'a large sorted set': large(MOST_STEPS.zset) },
  permits: { ...SET, 'a large sorted set': large(MOST_STEPS.permits) },
  leases: {
    ...SET,
    'leases of which the last was charged in a time to come': chargedLater(11_000),
    'more such leases than any limit has': chargedLater(MOST_STEPS.leases / 2),
  },
  stream: {
    ...Object.fromEntries(
      FIELDS.map((fields) => [
        `a stream of extreme ids with ${fields.join(' ')}`,
        [...IDS.map((id): Command => ['XADD', KEY, id, ...fields]), ...GROUP],
      ]),
    ),
    'a stream of many groups': [
      ['XADD', KEY, '5-1', 'd', '{}'],
      ...Array.from({ length: 40 }, (_, at): Command => ['XGROUP', 'CREATE', KEY, `group${at}`, '0']),
    ],
    'a stream with an entry of many fields': [
      ['XADD', KEY, '5-1', ...Array.from({ length: 500 }, (_, at) => String(at))],
      ...GROUP,
    ],
    'a large stream': [
      ...Array.from({ length: 1700 }, (_, at): Command => [
        'XADD',
        KEY,
        `1-${at + 1}`,
        'd',
        at < 100 || at >= 1600 ? PAYLOAD : '{}',
      ]),
      ...GROUP,
    ],
  },
  hash: {
    'a hash of extreme values': [
      ['HSET', KEY, 'ann', 'inf', '=ann', '9007199254740993-1', 'ia', '-inf 1', 'a', 'nan'],
    ],
  },
}

const dumps = Object.fromEntries(Object.keys(MOST_STEPS).map((type) => [type, {}])) as Record<
  Type,
  Record<string, Buffer>
>
beforeAll(async () => {
  for (const [type, extremes] of Object.entries(EXTREMES)) {
    for (const [name, commands] of Object.entries(extremes)) {
      await prepare(bench.raw, commands)
      dumps[type as Type][name] = await bench.raw.dumpBuffer(KEY)
    }
  }
})

const loaded = new Map<string, Promise<unknown>>()

/** Loads a script that counts its steps. Once for all samples: Redis compiles it in 2 ms. */
async function countedSha(script: AnyScript, type: Type): Promise<string> {
  const most = MOST_STEPS[type]
  const name = `${script.name} ${most}`
  const loading = loaded.get(name) ?? bench.raw.script('LOAD', countedText(script, most))
  loaded.set(name, loading)
  return String(await loading)
}

describe('a script takes a bounded number of steps, whatever its keys contain', () => {
  test.each(SCRIPT_CASES)('$name', async ({ script, sample }) => {
    const { before = [] } = sample
    const args = evalArgs(script, sample, Math.min(2, script.batch))
    for (const key of keysOf(script, sample)) {
      const type = typeOf(key)
      const sha = await countedSha(script, type)
      const runs = bench.raw.pipeline()
      for (const dump of Object.values(dumps[type])) {
        runs.flushall()
        for (const [command, ...rest] of before) runs.call(String(command), ...rest)
        runs.restore(key, 0, dump, 'REPLACE').call('EVALSHA', sha, ...args)
      }
      const replies = (await runs.exec()) ?? []
      for (const [at, extreme] of Object.keys(dumps[type]).entries()) {
        const [error, reply] = replies[(at + 1) * (before.length + 3) - 1]!
        expect(String(error ?? reply), `${key} is ${extreme}`).not.toContain(TOO_MANY)
      }
    }
  })
})

const NUMBER = 2 ** 54

/** An id with a number of which a double knows only each fourth. */
const beyond = (more: number): string => `5-${BigInt(NUMBER) + BigInt(more)}`

describe('behind numbers that Lua cannot count', () => {
  test('entries that a group has not read are not trimmed from a log', async () => {
    const key = 'pk1:{shop}:stream:orders'
    for (let more = 0; more < 8; more++) {
      await bench.raw.flushall()
      // The next add is the 64th, which checks what can be trimmed.
      for (let at = 0; at < 63; at++) await bench.raw.xadd(key, beyond(at - 54 + more), 'd', String(at))
      await bench.raw.xgroup('CREATE', key, 'billing', beyond(more))
      await createStream(penknife.space('shop'), 'orders', { retain: { entries: 1 } }).add(1)
      const [first] = await bench.raw.xrange(key, '-', '+', 'COUNT', 1)
      expect(first?.[0], `the group was given all up to 2^54 + ${more}`).toBe(beyond(more + 1))
    }
  })

  test('a queue deletes only entries that its groups have finished', async () => {
    const key = 'pk1:{shop}:stream:orders'
    for (let more = 0; more < 8; more++) {
      await bench.raw.flushall()
      const ids = [0, 1, 2, 3].map((at) => beyond(more + at))
      for (const id of ids) await bench.raw.xadd(key, id, 'd', '1')
      for (const group of ['billing', 'mailing']) await bench.raw.xgroup('CREATE', key, group, '0')
      await bench.raw.xreadgroup('GROUP', 'mailing', 'w1', 'COUNT', 2, 'STREAMS', key, '>')
      await bench.raw.xack(key, 'mailing', ...ids.slice(0, 2))
      const stream = createStream<number>(penknife.space('shop'), 'orders', {
        groups: ['billing', 'mailing'],
      })
      const { worker, saw } = startWorker(stream, 'billing', () => {})
      await saw('done', 4)
      await worker.close()
      const left = (await bench.raw.xrange(key, '-', '+')).map(([id]) => id)
      expect(left, `ids from 2^54 + ${more} on`).toEqual(ids.slice(2))
    }
  })

  test('each entry that leaves a rolling window is subtracted once', async () => {
    const board = createLeaderboard(penknife.space('shop'), 'points', { windows: { hour: { last: '1h' } } })
    await board.increment('ann', 100)
    const log = 'pk1:{shop}:board:points:window:hour:log'
    const [own] = await bench.raw.xrange(log, '-', '+')
    await bench.raw.del(log)
    // As many as leave with one call, and one more.
    for (let at = 0; at < 33; at++) await bench.raw.xadd(log, beyond(at), 'm', 'ann', 'b', '-1')
    await bench.raw.xadd(log, own?.[0] as string, ...(own?.[1] ?? []))
    expect(await board.rank('ann')).toMatchObject({ score: 100 - 33 })
    expect(await bench.raw.xlen(log)).toBe(1)
  })

  test.each([undefined, 1000])('a history is read to its end, of events with the age %s', async (age) => {
    const key = 'pk1:{shop}:notify:live:room'
    const notifier = createNotifier(penknife.space('shop'), 'live', { ...(age && { age }) })
    const own = ['t', 'note', 'd', '{}', 'g', 'bf5d3a']
    for (const more of [-1, 0, 1])
      await bench.raw.xadd(key, `5-${2n ** 53n + BigInt(more)}`, ...own, 'a', more < 1 ? '1' : '9e15')
    const page = await notifier.history('room')
    expect(page.items.length).toBeLessThanOrEqual(3)
  })
})

test('a block of a state that is longer than any is refused, and changes nothing', async () => {
  const limiter = createRateLimiter(penknife.space('shop'), 'api', {
    rules: [{ name: 'r', limit: 5, window: '1m' }],
    whenUnavailable: 'throw',
  })
  await limiter.take('ann')
  const [key = ''] = await bench.raw.keys('*:limit:*')
  await bench.raw.set(key, Buffer.alloc(40 * 33, packed(7, 2 ** 52, 1, 1, 1)))
  const before = await keyspace(bench.raw)
  const errors = [
    failure(limiter.block('ann', { duration: '1m', reason: 'spam' })),
    failure(limiter.unblock('ann')),
  ]
  for (const error of await Promise.all(errors))
    expect(error.message).toMatch(/contains data that no limiter wrote/)
  expect(await keyspace(bench.raw)).toEqual(before)
})
