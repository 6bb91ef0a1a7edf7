import { expect, onTestFinished, test } from 'vitest'

import { type LeasedEntry, leasedEntry } from './leased-entry.ts'
import { createLeases } from './leases.ts'

/** In the order of the ids, with numbers that get a digit, and entries of runs. */
const POSITIONS = [
  '9-9',
  '9-10',
  '10-1',
  '1700000000000-0',
  '1700000000000-9',
  '1700000000000-9/1',
  '1700000000000-9/9',
  '1700000000000-9/10',
  '1700000000000-10',
  '1700000000000-10/1',
  '1700000000000-10/9',
  '1700000000001-0',
  '1700000000001-2',
]

function start() {
  const lost: LeasedEntry[] = []
  const leases = createLeases({
    leaseMs: 60_000,
    renew: async () => '',
    lost: (entry) => lost.push(entry),
    expired: () => {},
    renewed: () => {},
  })
  onTestFinished(leases.stop)
  let order = 0
  function add(source: number, position: string): LeasedEntry {
    const entry = leasedEntry({ position, source, fields: ['i', '1-1', 'd', '1'] }, ++order, 0, 60_000)
    leases.add(entry)
    return entry
  }
  return { leases, lost, add }
}

test('a position that is delivered again, whatever its numbers, replaces the earlier delivery, and no other', () => {
  const { leases, lost, add } = start()
  const first = [0, 1].flatMap((source) => POSITIONS.map((position) => add(source, position)))
  expect(lost).toEqual([])
  for (const entry of first) {
    const again = add(entry.source, entry.position)
    expect(lost.splice(0)).toEqual([entry])
    expect(leases.find(entry.source, entry.position)).toBe(again)
  }
  expect(leases.size).toBe(first.length)
})

test.each(POSITIONS.slice(1))(
  'of the positions up to %s each one that is delivered again replaces the earlier delivery',
  (newest) => {
    const upTo = POSITIONS.slice(0, POSITIONS.indexOf(newest) + 1)
    for (const position of upTo) {
      const { lost, add } = start()
      const first = new Map(upTo.map((each) => [each, add(1, each)]))
      add(1, position)
      expect(lost).toEqual([first.get(position)])
    }
  },
)

test('an entry that ended may be delivered again, and one that ended twice counts once', () => {
  const { leases, lost, add } = start()
  const [first] = POSITIONS.map((position) => add(0, position))
  leases.delete(first as LeasedEntry)
  leases.delete(first as LeasedEntry)
  expect([leases.size, leases.length]).toEqual([POSITIONS.length - 1, POSITIONS.length - 1])
  add(0, POSITIONS[0] as string)
  expect(lost).toEqual([])
  expect(leases.all().map(({ position }) => position)).toEqual([...POSITIONS.slice(1), POSITIONS[0]])
})
