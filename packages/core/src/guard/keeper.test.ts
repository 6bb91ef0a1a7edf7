import { afterEach, expect, test, vi } from 'vitest'

import { createKeeper } from './keeper.ts'

const LEASE_MS = 3_600_000

afterEach(() => void vi.restoreAllMocks())

/** A keeper whose renewals this test answers, and the clock of the process. */
function keeperOf() {
  const begin = performance.now()
  let now = begin
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  const renewals: ((ours: boolean) => void)[] = []
  const keeper = createKeeper<string>(
    { onCloseWaiting: () => () => {} },
    {
      leaseMs: LEASE_MS,
      mostMs: 24 * LEASE_MS,
      title: 'lock',
      renew: () => new Promise((resolve) => renewals.push(resolve)),
      release: () => Promise.resolve(),
    },
  )
  const pass = (share: number): void => void (now += share * LEASE_MS)
  return { keeper, renewals, begin, pass }
}

test('a lease whose grant arrives late is renewed at once, because a third of it is over', () => {
  const { keeper, renewals, begin, pass } = keeperOf()
  pass(0.3)
  keeper.end(keeper.keep('in time', begin))
  expect(renewals).toHaveLength(0)
  pass(0.1)
  const late = keeper.keep('late', begin)
  expect(renewals).toHaveLength(1)
  expect(late.lost).toBeUndefined()
  keeper.end(late)
})

test('a lease whose renewal is answered late is renewed again at once', async () => {
  const { keeper, renewals, begin, pass } = keeperOf()
  pass(0.4)
  const lease = keeper.keep('a', begin)
  pass(0.5)
  renewals[0]?.(true)
  await vi.waitFor(() => expect(renewals).toHaveLength(2))
  expect(lease.leftMs).toBeCloseTo(0.49 * LEASE_MS)
  renewals[1]?.(true)
  await Promise.resolve()
  expect(renewals).toHaveLength(2)
  keeper.end(lease)
})

test('a lease whose grant arrives after its end is lost at once', () => {
  const { keeper, renewals, begin, pass } = keeperOf()
  pass(1)
  const lease = keeper.keep('a', begin)
  expect(lease.signal.aborted).toBe(true)
  expect(lease.lost).toMatchObject({ code: 'PENKNIFE_LEASE_LOST' })
  expect(renewals).toHaveLength(0)
})
