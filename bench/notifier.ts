import type { Bench, Probe } from './harness/bench.ts'
import { probes } from './notifier/probes.ts'
import { publishing, rawPublish } from './notifier/publish.ts'

/** Server-sent events from Redis. The clients run in another process, and the CPU is that of the server. */
export const suite: readonly (Bench | Probe)[] = [
  ...probes,
  {
    name: 'notifier.publish',
    about: 'an event kept in its channel’s history and sent, of about 100 bytes',
    inFlight: 100,
    ops: 100_000,
    ours: publishing,
    peers: [],
    raw: rawPublish,
  },
]
