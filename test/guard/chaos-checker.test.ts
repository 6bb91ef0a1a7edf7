import { expect, test } from 'vitest'

import { check, type Left } from '../../chaos/guard/check.ts'
import { STOCK } from '../../chaos/guard/plan.ts'
import type { Record } from '../../chaos/guard/records.ts'
import { runGuardChaos } from '../../chaos/guard/run.ts'
import { findingsOf } from '../../chaos/harness/claims.ts'
import type { Timed } from '../../chaos/harness/journal.ts'
import { brokenScript, type Sabotage } from '../../chaos/harness/sabotage.ts'

const SKUS = ['sku-0', 'sku-1', 'sku-2', 'sku-3']
const full = (first: number = STOCK): Left['counters'] =>
  SKUS.map((counter, at) => ({
    counter,
    value: at === 0 ? first : STOCK,
    available: at === 0 ? first : STOCK,
  }))

/** What the checker says of what processes recorded. */
function findings(members: readonly (readonly object[])[], left: Partial<Left> = {}): string[] {
  const journals = new Map(
    members.map((records, at) => [`m${at + 1}.1`, records as readonly Timed<Record>[]] as const),
  )
  const { claims } = check(journals, { counters: full(), failed: [], ...left })
  return findingsOf(claims).map((finding) => finding.split(': ', 1)[0] as string)
}

const got = (at: number, t: number, fence: number, of: string = 'a', weight: number = 1): object => ({
  t,
  k: 'got',
  of,
  fence,
  weight,
  at,
})
const releases = (t: number, fence: number, of: string = 'a'): object => ({ t, k: 'releases', of, fence })
const wrote = (t: number, fence: number, version: number): object => ({
  t,
  k: 'wrote',
  of: 'a',
  fence,
  version,
})
const takes = (n: number, k?: 'took' | 'took nothing'): object[] => [
  { t: 1, k: 'takes', sku: 'sku-0', n, id: 'x' },
  ...(k ? [{ t: 2, k, id: 'x' }] : []),
]
const holds = (at: number, fence: number): object => ({ t: at, k: 'holds', of: 'a', fence, at })

test('histories in which all is as promised have nothing against them', () => {
  expect(
    findings([
      [got(0, 1, 5), holds(2, 5), wrote(3, 5, 1), releases(4, 5)],
      [got(2, 5, 6), wrote(6, 6, 2)],
    ]),
  ).toEqual([])
  // A lease that ended: its holder stood still.
  expect(findings([[got(0, 1, 5)], [got(2, 1100, 6)]])).toEqual([])
  expect(findings([[got(0, 1, 1, 'permits', 2)], [got(2, 3, 2, 'permits')]])).toEqual([])
  expect(findings([takes(3, 'took')], { counters: full(STOCK - 3) })).toEqual([])
  // Killed before it knew: taken or not.
  expect(findings([takes(3)], { counters: full(STOCK - 3) })).toEqual([])
  expect(findings([takes(3)], { counters: full(STOCK) })).toEqual([])
})

test.each<[string, readonly (readonly object[])[], Partial<Left>?]>([
  ['leases in force never exceed the size', [[got(0, 1, 5)], [got(2, 3, 6)]]],
  ['leases in force never exceed the size', [[got(0, 1, 1, 'permits', 2)], [got(2, 3, 2, 'permits', 2)]]],
  ['fences rise', [[got(0, 1, 7), releases(2, 7)], [got(3, 4, 6)]]],
  ['no two leases have the same fence', [[got(0, 1, 5), releases(2, 5)], [got(3, 4, 5)]]],
  [
    'no process takes its lease for valid after the next one got the lock',
    [[got(0, 1, 5), holds(1200, 5)], [got(1000, 1100, 6)]],
  ],
  ['no write with an older fence after one with a newer', [[wrote(9, 5, 2)], [wrote(8, 6, 1)]]],
  ['no more is sold than the stock', [[]], { counters: full(-1) }],
  ['the sum of sold and remaining units is the stock', [takes(3, 'took')], { counters: full(STOCK) }],
  [
    'the sum of sold and remaining units is the stock',
    [takes(3, 'took nothing')],
    { counters: full(STOCK - 3) },
  ],
  [
    'expired and cancelled reservations are given back',
    [[]],
    { counters: full().map((one) => ({ ...one, available: one.value - 1 })) },
  ],
  [
    'once',
    [[{ t: 1, k: 'completed', id: 'j', result: 'r' }], [{ t: 2, k: 'completed', id: 'j', result: 'r' }]],
  ],
  [
    'once',
    [[{ t: 1, k: 'completed', id: 'j', result: 'r' }], [{ t: 2, k: 'learned', id: 'j', result: 's' }]],
  ],
  ['every process and call ends', [[]], { failed: ['m1 ended with 1'] }],
])('a history against "%s" is found', (claim, members, left) => {
  expect(findings(members, left).map((finding) => finding.slice(0, claim.length))).toContain(claim)
})

const NO_FENCE: Sabotage = {
  script: 'guard/object_write',
  from: 'if token < highest then',
  to: 'if false then',
}
const NO_FLOOR: Sabotage = {
  script: 'guard/count_once',
  from: 'if by < 0 and value + down + by < floor then',
  to: 'if false then',
}
const NO_TOKEN: Sabotage = {
  script: 'guard/complete',
  from: 'return claim and claim.token == token and claim',
  to: 'return claim',
}
const NO_LEASE: Sabotage = {
  script: 'guard/lock',
  from: 'if record and record.untl > now and (record.fence > 0',
  to: 'if record and record.untl > now + 900000 and (record.fence > 0',
}

const SOLD = 'no more is sold than the stock'
const LEASES = 'leases in force never exceed the size'
const FENCED = 'no write with an older fence after one with a newer'

/** Each finding needs the break of its own: a shared run costs one start of the processes. */
test.each([
  {
    what: 'a removed floor, and with a lock that is given again too soon',
    sabotage: [NO_FLOOR, NO_LEASE],
    broken: [SOLD, LEASES],
    members: 3,
    loops: ['lock', 'stock'] as const,
    holdMs: 400,
    faults: ['SCRIPT FLUSH'],
    betweenMs: [200, 500] as const,
  },
  {
    what: 'a removed fence',
    sabotage: [NO_FENCE],
    broken: [FENCED],
    members: 4,
    loops: ['lock'] as const,
    holdMs: 900,
    faults: ['freeze and thaw'],
    // So seldom that others take over while a process is frozen.
    betweenMs: [600, 1200] as const,
  },
])(
  'real processes with $what are found out',
  async ({ broken, sabotage, members, loops, holdMs, faults, betweenMs }) => {
    // They take a holder that stands still at the wrong moment: a run ends when there was one.
    const found = new Set<string>()
    for (let seed = 3; seed < 9 && found.size < broken.length; seed++) {
      const { claims } = await runGuardChaos({
        seed,
        seconds: 20,
        untilBroken: broken,
        sabotage,
        members,
        loops,
        holdMs,
        faults,
        betweenMs,
      })
      for (const claim of broken)
        if (claims.some((each) => each.claim.startsWith(claim) && each.against.length > 0)) found.add(claim)
    }
    expect([...found].toSorted()).toEqual(broken.toSorted())
  },
  240_000,
)

test('every line that sabotage replaces is still in its script', () => {
  for (const sabotage of [NO_FENCE, NO_FLOOR, NO_TOKEN, NO_LEASE]) brokenScript(sabotage)
})
