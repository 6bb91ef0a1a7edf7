import { expect, test } from 'vitest'

import { findingsOf } from '../../chaos/harness/claims.ts'
import { runStreamChaos } from '../../chaos/stream/run.ts'
import { LONG } from '../support/until.ts'

/** The same each time, except with `PENKNIFE_SEED`. */
const SEED = Number(process.env['PENKNIFE_SEED'] ?? 1)

test(`a stream keeps its promises under faults of workers, Redis and the network (seed ${SEED})`, async () => {
  const entries = LONG ? 20_000 : 1200
  const { claims, counts, faults } = await runStreamChaos({
    seed: SEED,
    entries,
    // The start of a process takes most of the CPU of a short run.
    ...(LONG
      ? { perSecond: 500 }
      : { perSecond: 300, producers: 1, groupsOfProcess: 'all', betweenMs: [200, 500] }),
  })
  expect(findingsOf(claims)).toEqual([])
  // It would prove nothing had nothing happened.
  expect(Object.keys(faults).toSorted()).toEqual([
    'Redis kill -9 and restart',
    'SCRIPT FLUSH',
    'close and start again',
    'connections cut',
    'connections of readers killed',
    'connections silent',
    'freeze and thaw',
    'kill -9',
  ])
  expect(counts['adds confirmed']).toBeGreaterThan(entries / 2)
  expect(counts['dead letters']).toBeGreaterThan(0)
  expect(counts['retrying']).toBeGreaterThan(0)
  expect(counts['handler calls, low']).toBeGreaterThan(entries / 16)
  expect(counts['entries of low priority that waited at once']).toBeGreaterThan(5)
  // Of one subject more entries are added than its limit allows.
  expect(counts['limiter asked']).toBeGreaterThan(counts['starts under a limit'] ?? Infinity)
  // Only a reply to a read that is lost is recovered: in a short run on a busy machine there may be none.
  if (LONG) expect(counts['recovered']).toBeGreaterThan(0)
}, 200_000)
