import type { Bench, Probe } from './harness/bench.ts'
import { bullmq, committing, rawCommit } from './record/committing.ts'
import { multi, recording, script, separate } from './record/recording.ts'
import { tail } from './record/tail.ts'

export const suite: readonly (Bench | Probe)[] = [
  {
    name: 'record',
    about: '1 entry, 3 boards, 1 dedup id, 1 notification',
    inFlight: 200,
    ops: 30_000,
    ours: recording,
    peers: [separate, multi],
    raw: script,
  },
  {
    name: 'record.commit',
    about: 'a worker of concurrency 100 finishes each job of a backlog and adds a follow-up',
    inFlight: 100,
    ops: 20_000,
    ours: committing(100),
    peers: [bullmq(100)],
    raw: rawCommit,
  },
  tail,
]
