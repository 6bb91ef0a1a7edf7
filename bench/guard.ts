import type { Bench, Probe } from './harness/bench.ts'
import { counters, rawCounters, rawReserve, reserve } from './guard/counters.ts'
import { deduper, rawSet } from './guard/dedup.ts'
import { handover } from './guard/handover.ts'
import { lock, rawLock, redisSemaphore, redlockUniversal } from './guard/locks.ts'
import { memory } from './guard/memory.ts'

export const suite: readonly (Bench | Probe)[] = [
  {
    name: 'guard.lock',
    about: 'acquire and release, each of another key',
    inFlight: 100,
    ops: 30_000,
    ours: lock,
    peers: [redisSemaphore, redlockUniversal],
    raw: rawLock,
  },
  {
    name: 'guard.lock1',
    about: 'acquire and release, one at a time',
    inFlight: 1,
    ops: 5000,
    // Many rounds, because the differences are small compared to the noise of a round trip on a busy machine.
    rounds: 15,
    warmUps: 2,
    ours: lock,
    peers: [redisSemaphore, redlockUniversal],
    raw: rawLock,
  },
  {
    name: 'guard.counter',
    about: 'take 1 of one of 1,000 counters, not below 0',
    inFlight: 200,
    ops: 50_000,
    ours: counters,
    peers: [],
    raw: rawCounters,
  },
  {
    name: 'guard.dedup',
    about: 'claim an id, half of which were claimed before',
    inFlight: 200,
    ops: 50_000,
    ours: deduper,
    peers: [],
    raw: rawSet,
  },
  {
    name: 'guard.reserve',
    about: 'reserve 1 of one of 1,000 counters and commit',
    inFlight: 200,
    ops: 20_000,
    ours: reserve,
    peers: [],
    raw: rawReserve,
  },
  handover,
  memory,
]
