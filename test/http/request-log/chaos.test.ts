import { expect, test } from 'vitest'

import { findingsOf } from '../../../chaos/harness/claims.ts'
import { check, runRequestLogChaos } from '../../../chaos/request-log/run.ts'
import { LONG } from '../../support/until.ts'

/** The same each time, unless `PENKNIFE_SEED` says otherwise. */
const SEED = Number(process.env['PENKNIFE_SEED'] ?? 1)

test(`whatever befalls Redis and the network, entries and counted drops are the requests (seed ${SEED})`, async () => {
  const { claims, counts, faults } = await runRequestLogChaos({
    seed: SEED,
    ...(LONG ? { seconds: 60 } : { seconds: 4, pauseMs: 10 }),
    betweenMs: [100, 400],
  })
  expect(findingsOf(claims)).toEqual([])
  // It would prove nothing had nothing happened.
  expect(Object.keys(faults).toSorted()).toEqual([
    'Redis frozen and thawed',
    'Redis kill -9 and restart',
    'SCRIPT FLUSH',
    'connections cut',
    'connections silent',
  ])
  for (const what of ['requests', 'entries', 'dropped', 'status 200', 'status 499', 'status 500'])
    expect(counts[what] ?? 0, what).toBeGreaterThan(0)
}, 200_000)

test.runIf(LONG)(
  'the checker finds batches that are numbered anew when they are sent again',
  async () => {
    const { claims } = await runRequestLogChaos({
      seed: SEED,
      seconds: 25,
      betweenMs: [100, 300],
      breaks: [
        {
          file: 'request-log/delivery.ts',
          from: 'await this.#options.write(number, texts)',
          to: 'await this.#options.write(++this.#number, texts)',
        },
      ],
    })
    expect(findingsOf(claims).join('\n')).toMatch(/exactly the requests/)
  },
  200_000,
)

test('the checker finds a missing entry, a doubled one, and a process that failed', () => {
  const entry = {
    at: 1,
    method: 'GET',
    path: '/',
    status: 200,
    durationMs: 1,
    bytesIn: 0,
    bytesOut: 0,
    aborted: false,
  }
  const entries = [
    { ...entry, id: 'a' },
    { ...entry, id: 'b', dropped: 3 },
  ]
  const found = (...args: Parameters<typeof check>): string => findingsOf(check(...args).claims).join('\n')
  expect(found(entries, [{ received: 5, lost: 3 }], [0])).toBe('')
  expect(found(entries, [{ received: 6, lost: 3 }], [0])).toMatch(/2 entries and 3 drops for 6 requests/)
  expect(found(entries, [{ received: 5, lost: 4 }], [0])).toMatch(/4 were reported, 3 logged/)
  expect(found([...entries, { ...entry, id: 'a' }], [{ received: 6, lost: 0 }], [0])).toMatch(
    /request a has two/,
  )
  expect(found(entries, [{ received: 5, lost: 0 }], [1])).toMatch(/the codes are 1/)
})
