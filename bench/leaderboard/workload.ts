/** The number of members of the measured boards. */
export const MEMBERS = 1_000_000

export const memberOf = (at: number): string => `player-${at}`

/** A prime above every number of members, so that all scores are different. */
const PRIME = 1_000_003
const LARGE_PRIME = 10_000_019
export const FACTOR = 611_953

/** A prime above a number of members, up to 10,000,000. */
export function primeAbove(members: number): number {
  return members > MEMBERS ? LARGE_PRIME : PRIME
}

/** A member's first score on a board of so many: a whole number from 0, different for all members, in random order. */
export function scoreOf(at: number, members: number = MEMBERS): number {
  return (at * FACTOR) % primeAbove(members)
}

/** Moves a member past about a thousand others. All scores stay different, because no other score has a fraction. */
export const BY = 1000.5

/** The member of call number `at`: a different one for each call, spread over the board. */
export function calledOf(at: number, members: number = MEMBERS): number {
  return (at * 7_919) % members
}

/** The expected results of a board with so many members. */
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

/** Finds the rank of a score among scores that are all different. */
export function createRankOf(scores: Float64Array): (score: number) => number {
  const ascending = scores.toSorted()
  return (score) => {
    let [low, high] = [0, ascending.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((ascending[middle] as number) < score) low = middle + 1
      else high = middle
    }
    return ascending.length - low
  }
}

/** The sum of the results of calls 0 to `ops`. */
export function sumOf(ops: number, answer: (at: number) => number): number {
  let sum = 0
  for (let at = 0; at < ops; at++) sum += answer(at)
  return sum
}
