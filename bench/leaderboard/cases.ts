import type { Bench, Contender } from '../harness/bench.ts'
import { type Board, loaded, type OpenBoard } from './board.ts'
import { ours } from './ours.ts'
import { raw } from './raw.ts'
import { redisRank } from './redis-rank.ts'
import { BY, calledOf, MEMBERS, memberOf, scoreOf, sumOf, truthOf } from './workload.ts'

/** One kind of call: how it is made for call number `at`, and its result. */
interface Kind {
  call(open: OpenBoard, member: string): Promise<number>
  /** The sum of the results of so many calls. */
  sum(ops: number): number
}

const AROUND = 5
const truth = truthOf(MEMBERS)

const scoreAndRank = (rank: number): number => scoreOf(truth.memberAt(rank)) + rank

function sumOfRanks(first: number, last: number): number {
  let sum = 0
  for (let rank = first; rank <= last; rank++) sum += scoreAndRank(rank)
  return sum
}

const KINDS = {
  increment: {
    call: (open, member) => open.increment(member, BY),
    sum: (ops) => sumOf(ops, (at) => scoreOf(calledOf(at)) + BY),
  },
  incrementAndRank: {
    call: (open, member) => open.incrementAndRank(member, BY),
    sum: (ops) => sumOf(ops, (at) => scoreOf(calledOf(at)) + BY),
  },
  rank: {
    call: (open, member) => open.rank(member),
    sum: (ops) => sumOf(ops, (at) => scoreAndRank(truth.rankOf(calledOf(at)))),
  },
  top: {
    call: (open) => open.top(10),
    sum: (ops) => ops * sumOfRanks(1, 10),
  },
  around: {
    call: (open, member) => open.around(member, AROUND),
    sum: (ops) =>
      sumOf(ops, (at) => {
        const rank = truth.rankOf(calledOf(at))
        return sumOfRanks(Math.max(1, rank - AROUND), Math.min(MEMBERS, rank + AROUND))
      }),
  },
} as const satisfies Record<string, Kind>

/** A board, measured with one kind of call. */
function contender(board: Board, kind: Kind): Contender {
  return {
    setup: board.setup,
    commands: board.commands,
    async open(url, ops, library) {
      const open = await board.open(url, library)
      return {
        expected: kind.sum(ops),
        prepare: () => loaded(url, board.layout, () => open.load(MEMBERS)),
        call: (at) => kind.call(open, memberOf(calledOf(at))),
        close: () => open.close(),
      }
    },
  }
}

function bench(name: string, about: string, kind: Kind, ops: number): Bench {
  return {
    name,
    about: `${about} at ${MEMBERS.toLocaleString('en-US')} members`,
    inFlight: 200,
    ops,
    ours: contender(ours, kind),
    peers: [{ name: redisRank[0]?.name ?? '', setups: redisRank.map((board) => contender(board, kind)) }],
    raw: { name: raw[0]?.name ?? '', setups: raw.map((board) => contender(board, kind)) },
  }
}

export const cases: readonly Bench[] = [
  bench('leaderboard.increment', 'add to a score, and know the new one', KINDS.increment, 100_000),
  bench('leaderboard.incrementAndRank', 'add to a score, and know the rank', KINDS.incrementAndRank, 100_000),
  bench('leaderboard.rank', "a member's rank and score", KINDS.rank, 100_000),
  bench('leaderboard.top', 'the first ten rows', KINDS.top, 50_000),
  bench('leaderboard.around', `a member with ${AROUND} rows on either side`, KINDS.around, 50_000),
]
