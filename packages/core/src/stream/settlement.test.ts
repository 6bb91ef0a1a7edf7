import { expect, test } from 'vitest'

import { type FetchedEntry, type LeasedEntry, leasedEntry } from './leased-entry.ts'
import { decodeLost, encodeOutcomes } from './settlement.ts'
import { NEW, SOURCES } from './sources.ts'

const RETRIES = SOURCES.findIndex(({ code }) => code === 'r')

function entryOf(fetched: FetchedEntry): LeasedEntry {
  return leasedEntry(fetched, 1, 0, 1000)
}

const fresh = (position: string): LeasedEntry => entryOf({ position, source: NEW, fields: ['d', '0'] })
const retried = (position: string): LeasedEntry =>
  entryOf({ position, source: RETRIES, fields: ['i', '1-1', 'a', '2', 'f', '4', 'd', '0'] })

test('finished positions are listed by their source, and a move names the source of its entry', () => {
  const error = new Error('no', { cause: new Error('busy') })
  const [finished, moves] = encodeOutcomes([
    { entry: fresh('1-1'), move: undefined },
    { entry: retried('5-0'), move: undefined },
    { entry: fresh('1-2'), move: undefined },
    { entry: fresh('1-3'), move: { to: 'retrying', delayMs: 7 } },
    { entry: retried('5-1'), move: { to: 'dead', why: 'failed', error } },
    { entry: retried('5-2'), move: { to: 'dead', why: 'invalid', error } },
    { entry: retried('5-4'), move: { to: 'dead', why: 'vanished', error } },
    { entry: retried('5-3'), move: { to: 'waiting', used: 2, why: 'busy' } },
  ])
  expect(JSON.parse(finished)).toEqual([['1-1', '1-2'], ['5-0']])
  expect(JSON.parse(moves)).toEqual([
    ['m', '1-3', 'retrying', 1, 1, 7, '', ''],
    ['r', '5-1', 'dead', 3, 5, 0, 'failed', 'no: busy'],
    ['r', '5-2', 'dead', 2, 5, 0, 'invalid', 'no: busy'],
    ['r', '5-4', 'dead', 2, 5, 0, 'vanished', 'no: busy'],
    ['r', '5-3', 'waiting', 2, 5, 0, '', ''],
  ])
})

test('a lost position is that of one source: the same position of another is not lost', () => {
  const isLost = decodeLost('1-1 r1-2')
  expect([fresh('1-1'), retried('1-1'), fresh('1-2'), retried('1-2')].map(isLost)).toEqual([
    true,
    false,
    false,
    true,
  ])
  expect(decodeLost('')(fresh('1-1'))).toBe(false)
})
