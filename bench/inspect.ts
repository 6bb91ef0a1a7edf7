import type { Probe } from './harness/bench.ts'
import { overview } from './inspect/overview.ts'

export const suite: readonly Probe[] = [overview]
