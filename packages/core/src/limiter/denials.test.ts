import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { createKeys } from '../redis/keys.ts'
import type { LimiterDecision } from './decision-types.ts'
import { createDenials, type Denials, type DenialsContext } from './denials.ts'

const keys = createKeys('shop', { keyPrefix: '', db: 0 })
const SECOND = 1000
const DENIED = { allowed: false, rule: 'minute' } as LimiterDecision

interface Sent {
  readonly key: string
  readonly given: readonly (string | number)[]
  readonly lacks: number
}

let sent: Sent[]
let ends: Set<() => Promise<void>>
let refuses: boolean
let denials: Denials

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: 1_800_000_000_000 })
  sent = []
  ends = new Set()
  refuses = false
  denials = created(false)
})

afterEach(() => vi.useRealTimers())

function created(hashSubjects: boolean): Denials {
  const send = async (...[, key, given, lacks]: readonly unknown[]): Promise<number> => {
    sent.push({ key: key as string, given: JSON.parse(given as string) as string[], lacks: lacks as number })
    if (refuses) throw new Error('NOPERM')
    return 1
  }
  return createDenials({
    name: 'api',
    keys,
    hashSubjects,
    onClose(end) {
      ends.add(end as () => Promise<void>)
      return () => ends.delete(end as () => Promise<void>)
    },
    send: Object.assign(send, { to() {} }) as DenialsContext['send'],
  })
}

test('sends what it counted ten seconds after a denial, and nothing without denials', async () => {
  expect(vi.getTimerCount()).toBe(0)
  for (let at = 0; at < 3; at++) denials.count('ann', DENIED)
  denials.count('ann', { ...DENIED, blocked: { reason: 'fraud', endsInMs: 1 } })
  await vi.advanceTimersByTimeAsync(9 * SECOND)
  expect(sent).toEqual([])
  await vi.advanceTimersByTimeAsync(SECOND)
  const key = 'pk1:{shop}:limit-denied:api:30000000'
  expect(sent).toEqual([{ key, given: ['minute ann', 3, ' ann', 1], lacks: 0 }])
  await vi.advanceTimersByTimeAsync(600 * SECOND)
  expect(sent).toHaveLength(1)
  expect([vi.getTimerCount(), ends.size]).toEqual([0, 0])
})

test('sends long and secret subjects as hashes, as key names have them', async () => {
  denials.count('x'.repeat(65), DENIED)
  denials.count(JSON.stringify({ tenant: 'acme', user: '#1' }), DENIED)
  const secret = created(true)
  secret.count('key-1', DENIED)
  await vi.advanceTimersByTimeAsync(10 * SECOND)
  const texts = sent.flatMap(({ given }) => given.filter((each) => typeof each === 'string'))
  expect(texts).toEqual([
    expect.stringMatching(/^minute #[\w-]{43}$/),
    expect.stringMatching(/^minute \{"tenant":"acme","user":"#[\w-]{43}"\}$/),
    expect.stringMatching(/^minute #[\w-]{43}$/),
  ])
})

test('a flood of subjects takes a bounded number of counters, and a count lacks no more than it says', async () => {
  const real = new Map<string, number>()
  let seed = 7
  for (let at = 0; at < 20_000; at++) {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    // Few are denied often.
    const subject = at % 3 === 0 ? `busy ${seed % 7}` : `user ${seed % 5000}`
    denials.count(subject, DENIED)
    real.set(subject, (real.get(subject) ?? 0) + 1)
  }
  await vi.advanceTimersByTimeAsync(10 * SECOND)
  const [{ given, lacks }] = sent as [Sent]
  expect(given).toHaveLength(200)
  expect(lacks).toBeLessThanOrEqual(2 * (20_000 / 201))
  const counted = new Map(
    given.flatMap((text, at) => (at % 2 === 0 ? [[text, given[at + 1] as number]] : [])),
  )
  for (const [subject, count] of real) {
    const found = counted.get(`minute ${subject}`) ?? 0
    expect([subject, found <= count, found >= count - lacks]).toEqual([subject, true, true])
  }
  expect([...counted.keys()].slice(0, 7).every((text) => String(text).startsWith('minute busy'))).toBe(true)
})

test('what Redis refuses is lost and reported to nobody; close sends the rest, and after it nothing is counted', async () => {
  refuses = true
  denials.count('ann', DENIED)
  await vi.advanceTimersByTimeAsync(10 * SECOND)
  denials.count('bob', DENIED)
  await Promise.all([...ends].map((end) => end()))
  expect(sent.map(({ given }) => given)).toEqual([
    ['minute ann', 1],
    ['minute bob', 1],
  ])
  denials.count('eve', DENIED)
  expect([vi.getTimerCount(), ends.size]).toEqual([0, 0])
})
