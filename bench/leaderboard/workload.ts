/** Members of the boards that are measured. */
export const MEMBERS = 1_000_000

export const memberOf = (at: number): string => `player-${at}`

/** A prime above every number of members, so that the scores below are all different. */
const PRIME = 1_000_003
const FACTOR = 611_953

/** The score that a member begins with: whole, from 0, no two alike, in no order. */
export function scoreOf(at: number): number {
  return (at * FACTOR) % PRIME
}

/** Smaller than the gap between two scores: it changes a score and no rank, so that the answers can be told. */
export const BY = 0.5

/** The member of call number `at`: another one for each call, spread over the board. */
export function calledOf(at: number, members: number = MEMBERS): number {
  return (at * 7_919) % members
}

/** What a board of so many members must answer, without asking it. */
export interface Truth {
  readonly members: number
  /** Rank of a member by its number; 1 is the highest score. */
  rankOf(at: number): number
  /** The member with a rank. */
  memberAt(rank: number): number
}

const truths = new Map<number, Truth>()

export function truthOf(members: number): Truth {
  let truth = truths.get(members)
  if (!truth) truths.set(members, (truth = compute(members)))
  return truth
}

function compute(members: number): Truth {
  const byScore = new Int32Array(PRIME).fill(-1)
  for (let at = 0; at < members; at++) byScore[scoreOf(at)] = at
  const ranks = new Int32Array(members)
  const order = new Int32Array(members)
  let rank = 0
  for (let score = PRIME - 1; score >= 0; score--) {
    const at = byScore[score] as number
    if (at < 0) continue
    order[rank] = at
    ranks[at] = ++rank
  }
  return {
    members,
    rankOf: (at) => ranks[at] as number,
    memberAt: (wanted) => order[wanted - 1] as number,
  }
}

/** Adds up what calls number 0 to `ops` answer. */
export function sumOf(ops: number, answer: (at: number) => number): number {
  let sum = 0
  for (let at = 0; at < ops; at++) sum += answer(at)
  return sum
}
