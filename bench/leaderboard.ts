import type { Bench, Probe } from './harness/bench.ts'
import { cases } from './leaderboard/cases.ts'

/** Boards of a million members; every answer is held against what it must be. */
export const suite: readonly (Bench | Probe)[] = [...cases]
