import { expect, test } from 'vitest'

import { findingsOf } from '../../chaos/harness/claims.ts'
import type { Timed } from '../../chaos/harness/journal.ts'
import { check, type Dead } from '../../chaos/stream/check.ts'
import { historyOf } from '../../chaos/stream/history.ts'
import { type Intent, intentOf, payloadOf } from '../../chaos/stream/plan.ts'
import type { Record } from '../../chaos/stream/records.ts'

const SEED = 7

/** The first number of the event log, whose only group is `index`, that is to fare like this. */
function numberThat(fits: (intent: Intent) => boolean): number {
  for (let n = 3; ; n += 4) if (fits(intentOf(SEED, n))) return n
}

const PLAIN = numberThat(({ manner, keyed, delayMs }) => manner === 'plain' && !keyed && delayMs === 0)
const DELAYED = numberThat(({ manner, delayMs }) => manner === 'plain' && delayMs > 100)
const POISON = numberThat(({ manner, delayMs }) => manner === 'poison' && delayMs === 0)

const added = (n: number, id: string): object[] => [
  { t: 0, k: 'add', n },
  { t: 1, k: 'added', n, id },
]
const started = (t: number, n: number, a = 1, f = a, id = '1-0'): object => ({
  t,
  k: 'start',
  id,
  a,
  f,
  n,
  intact: true,
})
/** The limiter was asked right before a handler started. */
const asked = (record: object): object[] => {
  const { k, t, id, unasked } = record as { k: string; t: number; id: string; unasked?: true }
  return k === 'start' && !unasked ? [{ t, k: 'asked', id }, record] : [record]
}
const ended = (t: number, a = 1, ok = true, f = a): object => ({ t, k: 'end', id: '1-0', a, f, ok })
const reported = (t: number, k: string, a = 1, more: object = {}): object => ({
  t,
  k,
  id: '1-0',
  a,
  f: a,
  ...more,
})

interface Recorded {
  readonly producer?: readonly object[]
  readonly workers?: readonly (readonly object[])[]
  readonly faults?: readonly object[]
  readonly dead?: readonly Dead[]
  readonly left?: readonly string[]
}

/** The checker's findings for a history, worker by worker. */
function findings({
  producer = added(PLAIN, '1-0'),
  workers = [],
  faults = [],
  dead = [],
  left = [],
}: Recorded): string[] {
  const journals = new Map<string, readonly object[]>([
    ['producer-1.1', producer],
    ['faults', faults],
    ...workers.map((records, at): [string, readonly object[]] => [
      `w${at + 1}.1`,
      [{ t: 0, k: 'born', stream: 'audit', group: 'index' }, ...records.flatMap(asked)],
    ]),
  ])
  const { claims } = check({
    seed: SEED,
    maxAttempts: 3,
    perSecond: 1000,
    history: historyOf(journals as ReadonlyMap<string, readonly Timed<Record>[]>),
    dead: new Map([['audit/index', dead]]),
    left,
  })
  return findingsOf(claims).map((finding) => finding.split(':', 1)[0] as string)
}

const letter = (n: number, more: Partial<Dead> = {}): Dead => ({
  id: '1-0',
  json: JSON.stringify(payloadOf(SEED, n)),
  attempts: 3,
  why: 'failed',
  ...more,
})
/** Three failed attempts of an entry. */
const failing = (n: number): object[] =>
  [1, 2, 3].flatMap((a) => [
    started(10 * a, n, a),
    ended(10 * a + 1, a, false),
    reported(10 * a + 2, 'failed', a),
  ])

test('the checker accepts a history in which an entry is handled and finished', () => {
  expect(findings({ workers: [[started(2, PLAIN), ended(3), reported(4, 'done')]] })).toEqual([])
})

test('the checker accepts a finish that a killed worker could not report, retries and a dead letter', () => {
  const killed = [{ t: 5, k: 'fault', fault: 'kill', on: 'w1.1' }]
  expect(findings({ workers: [[started(2, PLAIN), ended(3)]], faults: killed })).toEqual([])
  expect(
    findings({
      workers: [
        [started(2, PLAIN)],
        [reported(9, 'recovered'), started(10, PLAIN, 2), ended(11, 2), reported(12, 'done', 2)],
      ],
      faults: killed,
    }),
  ).toEqual([])
  const records = failing(POISON)
  records.splice(3, 0, reported(12, 'retrying', 1, { delayMs: 0 }))
  records.splice(7, 0, reported(22, 'retrying', 2, { delayMs: 0 }))
  records.push(reported(33, 'dead', 3, { why: 'failed' }))
  expect(findings({ producer: added(POISON, '1-0'), workers: [records], dead: [letter(POISON)] })).toEqual([])
})

test('an attempt that a closing worker returned may be repeated, one that failed may not', () => {
  const second = [started(12, PLAIN, 1, 2), ended(13, 1, true, 2), reported(14, 'done', 1, { f: 2 })]
  const returned = reported(9, 'returned')
  expect(findings({ workers: [[started(2, PLAIN), { t: 8, k: 'closing' }, returned], second] })).toEqual([])
  const failed = [ended(8, 1, false), reported(9, 'failed'), reported(9, 'retrying', 1, { delayMs: 0 })]
  expect(findings({ workers: [[started(2, PLAIN), ...failed], second] })).toEqual([
    expect.stringMatching(/^attempts rise/),
  ])
})

test('an attempt with which a worker vanished may be repeated once', () => {
  const killed = [1, 2].map((life) => ({ t: 5, k: 'fault', fault: 'kill', on: `w${life}.1` }))
  const lives = (attempts: readonly number[]): Recorded => ({
    workers: attempts.map((a, at) => [
      started(10 * at, PLAIN, a, at + 1),
      ...(at === 2 ? [ended(21, a, true, 3), reported(22, 'done', a, { f: 3 })] : []),
    ]),
    faults: killed,
  })
  expect(findings(lives([1, 1, 2]))).toEqual([])
  expect(findings(lives([1, 1, 1]))).toEqual([expect.stringMatching(/^attempts rise/)])
})

test.each<[string, Recorded]>([
  ['no confirmed entry is lost', { workers: [[]] }],
  [
    'no confirmed entry is lost',
    // Killed before its handler ended: no worker finished it.
    { workers: [[started(2, PLAIN)]], faults: [{ t: 5, k: 'fault', fault: 'kill', on: 'w1.1' }] },
  ],
  [
    'all entries are settled',
    { workers: [[started(2, PLAIN), ended(3), reported(4, 'done')]], left: ['1 pending'] },
  ],
  [
    'an add makes one entry',
    {
      producer: [...added(PLAIN, '1-0'), { t: 2, k: 'added', n: PLAIN, id: '2-0' }],
      workers: [[started(2, PLAIN), ended(3), reported(4, 'done')]],
    },
  ],
  [
    'every handled entry was added, and arrives',
    { workers: [[{ ...started(2, PLAIN), intact: false }, ended(3), reported(4, 'done')]] },
  ],
  [
    'an entry is settled once in a group',
    {
      workers: [[started(2, PLAIN), ended(3), reported(4, 'done')]],
      dead: [letter(PLAIN, { why: 'vanished' })],
    },
  ],
  [
    'only the worker with the last lease',
    // The first was frozen, lost its lease, and finished all the same.
    {
      workers: [
        [started(2, PLAIN), ended(30), reported(31, 'done')],
        [reported(9, 'recovered'), started(10, PLAIN, 2), ended(11, 2), reported(32, 'lost', 2)],
      ],
    },
  ],
  [
    'a confirmed finish is not handled again',
    {
      workers: [
        [started(2, PLAIN), ended(3), reported(4, 'done')],
        [reported(9, 'recovered'), started(10, PLAIN, 2), ended(11, 2), reported(12, 'lost', 2)],
      ],
    },
  ],
  [
    'attempts rise with the fence',
    {
      workers: [
        [started(2, PLAIN), ended(3), reported(4, 'lost')],
        [started(5, PLAIN, 1, 2), ended(6, 1, true, 2), reported(7, 'lost', 1, { f: 2 })],
        [started(8, PLAIN, 1, 3), ended(9, 1, true, 3), reported(10, 'done', 1, { f: 3 })],
      ],
    },
  ],
  [
    'attempts rise with the fence',
    {
      workers: [
        [
          reported(1, 'recovered', 1),
          reported(1, 'recovered', 2),
          reported(1, 'recovered', 3),
          started(2, PLAIN, 4),
          ended(3, 4),
          reported(4, 'done', 4),
        ],
      ],
    },
  ],
  [
    'an attempt without a handler call',
    { workers: [[started(2, PLAIN, 2), ended(3, 2), reported(4, 'done', 2)]] },
  ],
  [
    'a live worker reports',
    {
      workers: [
        [started(2, PLAIN), ended(3)],
        [started(5, PLAIN, 2), reported(6, 'done', 2)],
      ],
    },
  ],
  [
    'no retry starts before its time',
    {
      workers: [
        [
          started(2, PLAIN),
          ended(3, 1, false),
          reported(3, 'failed'),
          reported(4, 'retrying', 1, { delayMs: 100 }),
          started(50, PLAIN, 2),
          ended(51, 2),
          reported(52, 'done', 2),
        ],
      ],
    },
  ],
  [
    'no delayed entry is handled before its time',
    { producer: added(DELAYED, '1-0'), workers: [[started(50, DELAYED), ended(51), reported(52, 'done')]] },
  ],
  [
    'no more entries of a subject begin',
    // The limit of the group is 25 a second, and 7 at once.
    { workers: [Array.from({ length: 8 }, (_, at) => started(2, PLAIN, 1, 1, `${at}-0`))] },
  ],
  [
    'no more entries of a subject begin',
    { workers: [[{ ...started(2, PLAIN), unasked: true }, ended(3), reported(4, 'done')]] },
  ],
  [
    'each dead letter has its payload',
    {
      workers: [failing(PLAIN).concat(reported(40, 'dead', 3, { why: 'failed' }))],
      dead: [letter(PLAIN, { attempts: 2 })],
    },
  ],
  [
    'each dead letter has its payload',
    {
      workers: [failing(PLAIN).concat(reported(40, 'dead', 3, { why: 'failed' }))],
      dead: [letter(PLAIN, { json: '{"n":3}' })],
    },
  ],
  [
    'an entry that can never succeed is in the dead letters',
    { producer: added(POISON, '1-0'), workers: [[started(2, POISON), ended(3), reported(4, 'done')]] },
  ],
])('the checker finds a history that breaks this promise: %s', (claim, history) => {
  expect(findings(history).filter((finding) => finding.startsWith(claim))).not.toEqual([])
})
