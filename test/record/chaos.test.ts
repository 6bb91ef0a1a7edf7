import { expect, test } from 'vitest'

import { findingsOf } from '../../chaos/harness/claims.ts'
import { brokenScript } from '../../chaos/harness/sabotage.ts'
import { runRecordChaos } from '../../chaos/record/run.ts'
import { LONG } from '../support/until.ts'

/** The same each time, unless `PENKNIFE_SEED` says otherwise. */
const SEED = Number(process.env['PENKNIFE_SEED'] ?? 1)

test(`whatever befalls processes, Redis and the network, effects are made once (seed ${SEED})`, async () => {
  const { claims, counts, faults } = await runRecordChaos({
    seed: SEED,
    ...(LONG ? { seconds: 60 } : { seconds: 3, members: 2 }),
  })
  expect(findingsOf(claims)).toEqual([])
  // It would prove nothing had nothing happened.
  expect(Object.keys(faults).toSorted()).toEqual([
    'Redis kill -9 and restart',
    'SCRIPT FLUSH',
    'close and start again',
    'connections cut',
    'connections silent',
    'freeze and thaw',
    'kill -9',
  ])
  for (const what of ['jobs', 'answers', 'answers again', 'commits: now', 'commits: before'])
    expect(counts[what] ?? 0, what).toBeGreaterThan(0)
}, 200_000)

const NO_FENCE = {
  script: 'record/commit',
  from: 'if not is_leased(key, base) then',
  to: 'if false then',
}
const NO_DEDUP = {
  script: 'record/record',
  from: 'local first = dedup.prepare(own[1])',
  to: 'local first = nil',
}

test.each([
  [
    'a removed fence',
    NO_FENCE,
    'every job of the log is done once',
    // Between two faults so long that one of the two is there to take over.
    { leaseMs: 300, betweenMs: [500, 800], faults: ['freeze and thaw'], seconds: 2, members: 2, slow: 0.5 },
  ],
  [
    'a removed dedup',
    NO_DEDUP,
    'every job that was confirmed is in the log once, every other at most once',
    { leaseMs: 300, betweenMs: [200, 400], faults: ['connections cut'], seconds: 1, members: 1 },
  ],
] as const)(
  'real processes with %s are found out',
  async (_, sabotage, claim, options) => {
    const broken = new Set<string>()
    // Mostly the first or the second; a busy machine may need more.
    for (let seed = 4; seed < 18 && !broken.has(claim); seed++) {
      const { claims } = await runRecordChaos({ seed, ...options, sabotage: [sabotage] })
      for (const found of claims) if (found.against.length > 0) broken.add(found.claim)
    }
    expect([...broken]).toContain(claim)
  },
  240_000,
)

test('what sabotage breaks is still there', () => {
  for (const sabotage of [NO_FENCE, NO_DEDUP]) brokenScript(sabotage)
})
