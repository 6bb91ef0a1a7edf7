import type { Bench, Probe } from './harness/bench.ts'
import { cases } from './leaderboard/cases.ts'
import { growth } from './leaderboard/growth.ts'
import { kinds } from './leaderboard/kinds.ts'
import { rolling } from './leaderboard/rolling.ts'
import { tail } from './leaderboard/tail.ts'
import { windows } from './leaderboard/windows.ts'

/** Boards of a million members. Every result is checked. */
export const suite: readonly (Bench | Probe)[] = [...cases, windows, rolling, kinds, growth, tail]
