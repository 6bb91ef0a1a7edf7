import { createHash } from 'node:crypto'

import { createRequestClaims, type RequestClaim, type RequestClaims } from '@penknife/core/internal'
import * as fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'

import { createClock, useSettableClock } from '../support/clock.ts'
import { failure, openReady } from '../support/connect.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'
import { cases } from '../support/until.ts'

useSettableClock()

const bench = useRedis()
const START_US = 1_800_000_000_000_000
const LEASE_US = 3_600_000_000

beforeEach(() => createClock(bench.raw).set(START_US))

const hash = (text: string): string => createHash('sha256').update(text).digest('base64url')
const now = { waitMs: 0 }

async function open(place: 'spread' | 'space' = 'spread'): Promise<RequestClaims> {
  const penknife = await openReady(pattern(bench.server.url))
  return createRequestClaims(penknife.space('shop'), 'http', { lease: '1h', maxRun: '1h', place })
}

/** What the model knows of one id. */
type Known =
  | { readonly kind: 'claim'; readonly holder: number; readonly print: string; readonly until: number }
  | { readonly kind: 'done' | 'lost'; readonly print: string; readonly text: string }

type Action =
  | { readonly do: 'begin'; readonly id: string; readonly print: string }
  | { readonly do: 'store' | 'lose' | 'release'; readonly which: number }
  | { readonly do: 'advance'; readonly us: number }

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('begin' as const),
      id: fc.constantFrom('a', 'b'),
      print: fc.constantFrom('x', 'x', 'y'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('store', 'lose', 'release'), which: fc.nat(20) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      us: fc.constantFrom(1, LEASE_US - 1, LEASE_US),
    }),
  },
)

test('any order of claims, completions and takeovers does what a model says', async () => {
  const callers = [await open(), await open()]
  let round = 0
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
      const clock = createClock(bench.raw)
      await clock.set(START_US)
      const suffix = `:${round++}`
      const known = new Map<string, Known>()
      const claims: { readonly id: string; readonly print: string; readonly claim: RequestClaim }[] = []
      for (const [at, step] of actions.entries()) {
        if (step.do === 'advance') await clock.advance(step.us)
        else if (step.do === 'begin') {
          const { id, print } = step
          const state = await (callers[at % 2] as RequestClaims).begin(hash(id + suffix), hash(print), now)
          const before = known.get(id)
          const claimed = before?.kind === 'claim' ? before : undefined
          if (before && before.print !== print) expect(state).toEqual({ state: 'mismatch' })
          else if (before?.kind === 'done') expect(state).toEqual({ state: 'done', stored: before.text })
          else if (before?.kind === 'lost') expect(state).toEqual({ state: 'lost', reason: before.text })
          else if (claimed && claimed.until > clock.now) {
            expect(state).toEqual({ state: 'running', leftMs: Math.ceil((claimed.until - clock.now) / 1000) })
          } else {
            if (state.state !== 'claimed') throw new Error(`it is ${state.state}`)
            known.set(id, { kind: 'claim', holder: claims.length, print, until: clock.now + LEASE_US })
            claims.push({ id, print, claim: state.claim })
          }
        } else if (claims.length > 0) {
          const holder = step.which % claims.length
          const { id, print, claim } = claims[holder] as (typeof claims)[number]
          const before = known.get(id)
          const holds = before?.kind === 'claim' && before.holder === holder
          if (step.do === 'release') {
            await claim.release()
            if (holds) known.delete(id)
          } else {
            const kind = step.do === 'store' ? 'done' : 'lost'
            const storing = claim.store(kind, `${at}`)
            if (holds) {
              await storing
              known.set(id, { kind, print, text: `${at}` })
            } else expect((await failure(storing)).code).toBe('PENKNIFE_LEASE_LOST')
          }
        }
      }
    }),
    cases(35, 1000),
  )
}, 120_000)

describe.each(['spread', 'space'] as const)('with place %s', (place) => {
  test('a claim has a TTL of a minute more than its lease, a stored response the window', async () => {
    const requests = await open(place)
    const state = await requests.begin(hash('a'), hash('x'), now)
    if (state.state !== 'claimed') throw new Error(state.state)
    const [key = ''] = await bench.raw.keys('*:request:*')
    expect(key.startsWith(place === 'space' ? 'pk1:{shop}:request:http:' : 'pk1:{shop/')).toBe(true)
    expect(await bench.raw.pttl(key)).toBeGreaterThan(3_650_000)
    await state.claim.store('done', 'text')
    expect(await bench.raw.pttl(key)).toBeGreaterThan(86_390_000)
    expect(await bench.raw.pttl(key)).toBeLessThanOrEqual(86_400_000)
  })

  test('requests of a tick share an EVALSHA, and a repetition is one call', async () => {
    const requests = await open(place)
    await requests.begin(hash('warm'), hash('x'), now)
    await bench.raw.config('RESETSTAT')
    await Promise.all(Array.from({ length: 16 }, (_, at) => requests.begin(hash(`${at}`), hash('x'), now)))
    expect(await callsOf(bench.raw, 'evalsha')).toBe(1)
    await requests.begin(hash('0'), hash('x'), now)
    expect(await callsOf(bench.raw, 'evalsha')).toBe(2)
  })
})
