import { expect, test } from 'vitest'

import { runFailover } from '../../chaos/failover/run.ts'
import { LONG } from '../support/until.ts'

/** Adds a second to each of two streams. Most CPU of this file goes to them. */
const PER_SECOND = 250

test.each(['sentinel', 'cluster'] as const)(
  'when a master dies under load (%s), producers and workers go on by themselves, and nothing that its replica had is lost',
  async (topology) => {
    const result = await runFailover({ topology, lagMs: 0, perSecond: PER_SECOND })
    expect(result.confirmed).toBeGreaterThan(400)
    expect(result).toMatchObject({ lostBeforeLag: 0, unhandled: 0 })
    // Only writes that were on their way to the replica at that moment.
    expect(result.lost).toBeLessThan(10)
  },
  60_000,
)

test.each(LONG ? (['sentinel', 'cluster'] as const) : (['sentinel'] as const))(
  'only writes that the replica did not have are lost when its master dies (%s)',
  async (topology) => {
    const result = await runFailover({ topology, lagMs: 300, perSecond: PER_SECOND })
    expect(result).toMatchObject({ lostBeforeLag: 0, unhandled: 0 })
    expect(result.lost).toBeGreaterThan(30)
    expect(result.lost).toBeLessThanOrEqual(result.confirmedInLag)
  },
  60_000,
)

test.each(LONG ? (['sentinel', 'cluster'] as const) : (['sentinel'] as const))(
  "with durability 'replicated' no confirmed add is lost, although the replica was behind (%s)",
  async (topology) => {
    const result = await runFailover({
      topology,
      durability: 'replicated',
      lagMs: 300,
      perSecond: PER_SECOND,
    })
    expect(result.confirmed).toBeGreaterThan(200)
    expect(result).toMatchObject({ lost: 0, unhandled: 0 })
  },
  60_000,
)
