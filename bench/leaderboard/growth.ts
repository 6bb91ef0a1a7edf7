import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { Redis } from 'ioredis'

import type { Probe, ProbeOptions, Series } from '../harness/bench.ts'
import { THIS_BUILD } from '../harness/library.ts'
import { median } from '../harness/statistics.ts'
import { type Board, growSortedSet, type OpenBoard } from './board.ts'
import { OUR_KEY, ours } from './ours.ts'
import { plot, type Line } from './plot.ts'
import { KEY } from './raw.ts'
import { redisRank } from './redis-rank.ts'
import { turn, TURN_FIGURES, type Turn, valuesOf } from './turn.ts'
import { BY, calledOf, createRankOf, memberOf, scoreOf, sumOf } from './workload.ts'

const SIZES = [10_000, 100_000, 1_000_000, 10_000_000]
/** Larger boards are made in Redis. */
const MOST_LOADED = 100_000
const PLOT = fileURLToPath(new URL('../../docs/leaderboard-growth.svg', import.meta.url))
const CALLS = ['increment', 'rank'] as const

/** Writes docs/leaderboard-growth.svg, except with --quick. */
export const growth: Probe = {
  name: 'leaderboard.growth',
  about: 'calls a second and CPU from 10,000 to 10,000,000 members; writes docs/leaderboard-growth.svg',
  figures: TURN_FIGURES,
  run,
}

async function run(url: string, { rounds, quick, log }: ProbeOptions): Promise<readonly Series[]> {
  const control = new Redis(url)
  const boards: readonly Board[] = [ours, redisRank[0] as Board]
  const sets = [OUR_KEY, KEY]
  const series: Series[] = []
  const points = new Map<string, (readonly [number, number])[]>()
  try {
    for (const size of SIZES) {
      await control.flushall('SYNC')
      const opened: OpenBoard[] = []
      log(`leaderboard.growth: loads ${size} members`)
      for (const [nth, board] of boards.entries()) {
        const open = await board.open(url, THIS_BUILD)
        if (size <= MOST_LOADED) await open.load(size)
        else await growSortedSet(control, sets[nth] as string, size, board === ours ? -1 : 1)
        opened.push(open)
      }
      const ops = Math.min(size, quick ? 5000 : 20_000)
      const found = boards.map(() => ({ increment: [] as Turn[], rank: [] as Turn[] }))
      for (let round = 0; round <= rounds; round++) {
        log(`leaderboard.growth: ${size} members, round ${round} of ${rounds}`)
        // Scores rise in one round and fall in the next.
        const by = round % 2 === 0 ? BY : -BY
        const scores = scoresAfter(ops, size, by)
        const rankOf = createRankOf(scores)
        const answers = {
          increment: (at: number) => scores[at] as number,
          rank: (at: number) => (scores[at] as number) + rankOf(scores[at] as number),
        }
        for (const [nth, board] of boards.entries()) {
          for (const call of CALLS) {
            const made = await turn(control, `${call} of ${board.name}`, {
              ops,
              commands: board.commands,
              call: (at) => callOf(opened[nth] as OpenBoard, call, memberOf(calledOf(at, size)), by),
              expected: sumOf(ops, (at) => answers[call](calledOf(at, size))),
            })
            if (round > 0) found[nth]?.[call].push(made)
          }
        }
      }
      await Promise.all(opened.map((open) => open.close()))
      for (const [nth, board] of boards.entries()) {
        for (const call of CALLS) {
          const turns = found[nth]?.[call] ?? []
          const line = `${board.name} ${call}`
          const cpuUs = median(turns.map((each) => each.cpuUs))
          points.set(line, [...(points.get(line) ?? []), [size, cpuUs]])
          series.push({
            case: `${call}, ${size.toLocaleString('en-US')} members`,
            name: board.name,
            setup: board.setup,
            ours: board === ours,
            values: valuesOf(turns),
          })
        }
      }
    }
  } finally {
    control.disconnect()
  }
  if (!quick) writeFileSync(PLOT, plot(linesOf(boards, points)))
  return series
}

function callOf(open: OpenBoard, call: (typeof CALLS)[number], member: string, by: number): Promise<number> {
  return call === 'increment' ? open.increment(member, by) : open.rank(member)
}

/** The scores after a run in which each call adds `by` to another member. */
function scoresAfter(ops: number, size: number, by: number): Float64Array {
  const scores = Float64Array.from({ length: size }, (_, at) => scoreOf(at, size))
  if (by > 0)
    for (let at = 0; at < ops; at++) scores[calledOf(at, size)] = scoreOf(calledOf(at, size), size) + by
  return scores
}

function linesOf(
  boards: readonly Board[],
  points: ReadonlyMap<string, readonly (readonly [number, number])[]>,
): readonly Line[] {
  return boards.flatMap((board) =>
    CALLS.map((call) => ({
      name: `${board.name} ${call}`,
      ours: board === ours,
      dashed: call === 'rank',
      points: points.get(`${board.name} ${call}`) ?? [],
    })),
  )
}
