import type { Bench, Probe } from './harness/bench.ts'
import { adding, addingMany, contenders, draining, drainingInBatches, keyed } from './stream/contenders.ts'
import { connections, delayed } from './stream/delays-and-connections.ts'
import { memory } from './stream/memory.ts'
import { backlog, idle, latency } from './stream/probes.ts'
import { tags } from './stream/tags.ts'

/** Jobs of about 115 bytes of JSON, each acknowledged and retryable. */
export const suite: readonly (Bench | Probe)[] = [
  {
    name: 'stream.add',
    about: 'one job a call',
    inFlight: 100,
    ops: 50_000,
    ...contenders(adding),
  },
  {
    name: 'stream.addMany',
    about: '1,000 jobs a call',
    inFlight: 1000,
    ops: 100_000,
    ...contenders(addingMany),
  },
  ...[1, 10, 100].map((concurrency) => ({
    name: `stream.drain${concurrency}`,
    about: `a worker of concurrency ${concurrency} takes a backlog`,
    inFlight: concurrency,
    ops: concurrency === 1 ? 10_000 : 50_000,
    ...contenders(draining(concurrency)),
  })),
  {
    name: 'stream.batch',
    about: 'a worker takes a backlog in batches of 100, or as many at once',
    inFlight: 100,
    ops: 50_000,
    ...contenders(drainingInBatches(100)),
  },
  {
    name: 'stream.keyed',
    about: 'a worker of concurrency 100 takes a backlog of 10,000 keys, the jobs of each in order',
    inFlight: 100,
    ops: 50_000,
    ...keyed(10_000, draining(100)),
  },
  {
    name: 'stream.hotkey',
    about: 'all jobs of the backlog have one key',
    inFlight: 100,
    ops: 20_000,
    ...keyed(1, draining(100)),
  },
  latency,
  delayed,
  memory,
  tags,
  backlog,
  idle,
  connections,
]
