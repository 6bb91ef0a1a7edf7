import { expect, test } from 'vitest'

import {
  commit,
  deadLetter,
  expire,
  fail,
  finish,
  FIRST_STAGE,
  giveBack,
  hasLease,
  isUnsettled,
  lose,
  postpone,
  refuse,
  settled,
  type Stage,
  start,
} from './delivery-state.ts'

const TRANSITIONS = {
  start,
  commit,
  refuse,
  finish,
  fail,
  giveBack,
  postpone,
  deadLetter,
  expire,
  settled,
  lose,
}
type Transition = keyof typeof TRANSITIONS
const NAMES = Object.keys(TRANSITIONS) as Transition[]

/** Every allowed transition; all others are refused. */
const ALLOWED: { readonly [From in Stage]: { readonly [Name in Transition]?: Stage } } = {
  waiting: {
    start: 'running',
    giveBack: 'settling',
    postpone: 'settling',
    deadLetter: 'settling',
    expire: 'expired',
    lose: 'over',
  },
  running: {
    commit: 'committing',
    finish: 'settling',
    fail: 'settling',
    giveBack: 'settling',
    expire: 'expired',
    lose: 'over',
  },
  committing: { refuse: 'running', settled: 'over', lose: 'over' },
  settling: { settled: 'over', lose: 'over' },
  expired: { settled: 'over', lose: 'over' },
  over: {},
}
const STAGES = Object.keys(ALLOWED) as Stage[]

test.each(STAGES.flatMap((from) => NAMES.map((name) => [from, name, ALLOWED[from][name]] as const)))(
  'in stage %s, %s leads to %s',
  (from, name, to) => {
    const delivery = { stage: from }
    expect(TRANSITIONS[name](delivery)).toBe(to !== undefined)
    expect(delivery.stage).toBe(to ?? from)
  },
)

test('every stage can be reached from the first one, and the last one from every stage', () => {
  const reachable = (first: Stage): Set<Stage> => {
    const seen = new Set([first])
    for (const from of seen) for (const name of NAMES) seen.add(ALLOWED[from][name] ?? from)
    return seen
  }
  expect([...reachable(FIRST_STAGE)].toSorted()).toEqual(STAGES.toSorted())
  for (const stage of STAGES) expect(reachable(stage)).toContain('over')
})

test('an outcome is sent once: after any way to end a delivery, every other way is refused', () => {
  const endings = ['commit', 'finish', 'fail', 'giveBack', 'postpone', 'deadLetter', 'expire'] as const
  for (const from of ['waiting', 'running'] as const) {
    for (const first of endings) {
      const delivery: { readonly stage: Stage } = { stage: from }
      if (!TRANSITIONS[first](delivery)) continue
      expect(endings.filter((next) => TRANSITIONS[next](delivery))).toEqual([])
    }
  }
})

test('a renewal includes a delivery until its lease ended, and only an unsettled one can be lost by it', () => {
  const of = (is: (delivery: { readonly stage: Stage }) => boolean): Stage[] =>
    STAGES.filter((stage) => is({ stage }))
  expect(of(hasLease)).toEqual(['waiting', 'running', 'committing', 'settling'])
  expect(of(isUnsettled)).toEqual(['waiting', 'running'])
})
