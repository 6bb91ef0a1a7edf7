import type { LeaderboardOptions } from '@penknife/core'
import { Redis } from 'ioredis'

import type { Probe, ProbeOptions, Series } from '../harness/bench.ts'
import { callsOf, openOurs } from './ours.ts'
import { turn, TURN_FIGURES, type Turn, valuesOf } from './turn.ts'
import { calledOf, MEMBERS, memberOf, scoreOf, sumOf } from './workload.ts'

/** Boards of every kind, each with its case's description. */
const KINDS: Readonly<Record<string, LeaderboardOptions>> = {
  plain: {},
  'first come': { ties: { unit: '1m', since: '2026-01-01T00:00:00Z', until: '2076-01-01T00:00:00Z' } },
  'dense ranks': { denseRanks: true },
  'remembers ids': { dedup: { window: '1h' } },
  'three windows': { windows: { all: 'all-time', day: { calendar: 'day' }, week: { calendar: 'week' } } },
  rolling: { windows: { day: { last: '1d' } } },
  'rolling, tolerance 1h': { windows: { day: { last: '1d', tolerance: '1h' } } },
}

/** A whole number, for rolling windows. It moves a member past about a thousand others. */
const MOVE = 1000
const SCRIPTS = ['evalsha', 'eval']

export const kinds: Probe = {
  name: 'leaderboard.kinds',
  about:
    `what each kind of board costs beside a plain one at ${MEMBERS.toLocaleString('en-US')} members: ` +
    "calls a second, Redis' time, and bytes a member with one increment each",
  figures: [...TURN_FIGURES, { id: 'memberBytes', heading: 'bytes a member', better: 'less' }],
  run,
}

async function run(url: string, { rounds, quick, log }: ProbeOptions): Promise<readonly Series[]> {
  const control = new Redis(url)
  await control.flushall('SYNC')
  const members = quick ? 200_000 : MEMBERS
  const ops = quick ? 20_000 : 50_000
  const boards = await Promise.all(
    Object.entries(KINDS).map(async ([name, options], nth) => ({
      name,
      ...(await openOurs(url, options, { name: `kind${nth}` })),
      bytes: 0,
      increments: [] as Turn[],
      ranks: [] as Turn[],
    })),
  )
  try {
    for (const each of boards) {
      log(`leaderboard.kinds: loading ${each.name}`)
      const before = await usedMemory(control)
      await callsOf(each.board).load(members)
      each.bytes = ((await usedMemory(control)) - before) / members
    }
    for (let round = 0; round <= rounds; round++) {
      log(`leaderboard.kinds: ${round === 0 ? 'warming up' : `round ${round} of ${rounds}`}`)
      for (const { name, board, increments, ranks } of boards) {
        const member = (at: number): string => memberOf(calledOf(at, members))
        const increment = await turn(control, `increment, ${name}`, {
          ops,
          commands: SCRIPTS,
          call: (at) =>
            name === 'remembers ids'
              ? board.increment(member(at), MOVE, { id: `${round}-${at}` })
              : board.increment(member(at), MOVE),
          expected: sumOf(ops, (at) => scoreOf(calledOf(at, members)) + MOVE * (round + 1)),
        })
        const rank = await turn(control, `rank, ${name}`, {
          ops,
          commands: SCRIPTS,
          call: async (at) =>
            (await board.rank(member(at), name === 'dense ranks' ? { ranks: 'dense' } : {}))?.score ?? 0,
          expected: sumOf(ops, (at) => scoreOf(calledOf(at, members)) + MOVE * (round + 1)),
        })
        if (round === 0) continue
        increments.push(increment)
        ranks.push(rank)
      }
    }
    const [plain, ...others] = boards as [(typeof boards)[number], ...typeof boards]
    const compared = (kind: (typeof boards)[number], call: 'increments' | 'ranks'): readonly Series[] =>
      [kind, plain].map((each) => ({
        case: `${call === 'ranks' ? 'rank' : 'increment'}, ${kind.name}`,
        name: each === kind ? 'penknife' : 'penknife, a plain board',
        setup: `${members} members`,
        ours: each === kind,
        values: { ...valuesOf(each[call]), memberBytes: [each.bytes] },
      }))
    return others.flatMap((kind) => [...compared(kind, 'increments'), ...compared(kind, 'ranks')])
  } finally {
    control.disconnect()
    for (const { close } of boards) await close()
  }
}

async function usedMemory(control: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await control.info('memory'))?.[1])
}
