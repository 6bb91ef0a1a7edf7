import { expect, test } from 'vitest'

import { findingsOf } from '../../chaos/harness/claims.ts'
import { runNotifierChaos } from '../../chaos/notifier/run.ts'
import { LONG } from '../support/until.ts'

/** The same each time, except with `PENKNIFE_SEED`. */
const SEED = Number(process.env['PENKNIFE_SEED'] ?? 1)

test(`under random faults of clients, servers, Redis and the network, no client misses an event without a reset, and views and lists are right (seed ${SEED})`, async () => {
  const { claims, counts, faults } = await runNotifierChaos({
    seed: SEED,
    ...(LONG ? { seconds: 60 } : { seconds: 6, small: true, perSecond: 60 }),
  })
  expect(findingsOf(claims)).toEqual([])
  // It would prove nothing had nothing happened.
  expect(Object.keys(faults).toSorted()).toEqual([
    'EventSource connections cut',
    'HTTP/2 connections cut',
    'HTTP/2 connections silent',
    'Redis connections cut',
    'Redis connections silent',
    'Redis emptied',
    'Redis kill -9 and restart',
    'Redis restarted without its data',
    'SCRIPT FLUSH',
    'a replica promoted without the last events',
    'client close and start again',
    'client connections cut',
    'client connections silent',
    'client freeze and thaw',
    'client kill -9',
    'guest close and start again',
    'guest freeze and thaw',
    'guest kill -9',
    'histories trimmed',
    'server close and start again',
    'server freeze and thaw',
    'server kill -9',
    'subscriber connections killed',
  ])
  expect(counts['events seen']).toBeGreaterThan(1000)
  expect(counts['events lost with Redis']).toBeGreaterThan(0)
  expect(counts['resets seen']).toBeGreaterThan(0)
  expect(counts['pictures seen']).toBeGreaterThan(20)
  expect(counts['members seen that came or went']).toBeGreaterThan(20)
}, 150_000)
