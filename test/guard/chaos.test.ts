import { expect, test } from 'vitest'

import { runGuardChaos } from '../../chaos/guard/run.ts'
import { findingsOf } from '../../chaos/harness/claims.ts'
import { LONG } from '../support/until.ts'

/** The same each time, unless `PENKNIFE_SEED` says otherwise. */
const SEED = Number(process.env['PENKNIFE_SEED'] ?? 1)

test(`guards keep their promises under faults of processes, Redis and the network (seed ${SEED})`, async () => {
  const { claims, counts, faults } = await runGuardChaos({
    seed: SEED,
    ...(LONG ? { seconds: 60 } : { seconds: 4, members: 4 }),
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
  for (const what of [
    'leases of locks',
    'leases of permits',
    'writes',
    'taken',
    'results completed',
    'results learned',
  ])
    expect(counts[what], what).toBeGreaterThan(5)
}, 200_000)
