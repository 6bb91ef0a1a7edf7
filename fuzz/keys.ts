import {
  connect,
  createNotifier,
  createStream,
  type ErrorCode,
  NeverRetryError,
  type Penknife,
  PenknifeError,
  type Worker,
} from '@penknife/core'
import { Redis } from 'ioredis'
import { setTimeout as delay } from 'node:timers/promises'

import { type PrivateRedis, startRedis } from '../scripts/redis/server.ts'
import { computedMs } from '../test/support/computed.ts'
import { publicCalls, type PublicCalls } from './calls.ts'
import { type Checker, createChecker, dropWarnings, SETTLES_MS } from './check.ts'
import {
  createFindings,
  type Findings,
  type Fuzzer,
  type FuzzOptions,
  type FuzzResult,
  type Random,
  randomOf,
  settlesWithin,
  watchLoop,
  watchProcess,
} from './harness.ts'
import { differences, keep, type Kept, restore } from './keyspace.ts'
import { type Command, mutationOf } from './mutations.ts'
import { pattern } from '../scripts/redis/clients.ts'

const DEADLINE_MS = 1000
const SLOW_US = 50_000
/** After so many rounds the keys are created again, with present times, and penknife is closed and opened again. */
const ROUNDS_OF_A_PENKNIFE = 1000

/** Spoils keys that features made, and makes every kind of call on them. */
export const keys: Fuzzer = {
  name: 'keys',
  about:
    'every call, on keys that other hands spoiled: other types, garbage, extreme numbers, foreign entries',
  inputs: 60_000,
  run,
}

async function run({ seed, inputs, log }: FuzzOptions): Promise<FuzzResult> {
  const findings = createFindings()
  const checker = createChecker(findings)
  const watching = watchProcess(findings)
  const hearWarnings = dropWarnings()
  const server = await startRedis({ listen: 'unix', args: ['--save', ''] })
  const raw = new Redis(server.socket)
  let tried = 0
  try {
    await raw.config('SET', 'slowlog-log-slower-than', SLOW_US)
    for (let first = 0; tried < inputs; first += ROUNDS_OF_A_PENKNIFE) {
      const stage = await prepare(server, raw, findings, checker)
      const loop = watchLoop(findings, () => `after ${tried} inputs, ${stage.doing}`)
      for (let round = first; round < first + ROUNDS_OF_A_PENKNIFE && tried < inputs; round++) {
        tried += await playWatched(stage, seed, round)
      }
      loop.stop()
      if (!(await settlesWithin(stage.penknife.close({ deadline: '2s' }), SETTLES_MS))) {
        findings.add('penknife.close() did not resolve', `before round ${first + ROUNDS_OF_A_PENKNIFE}`)
      }
      log(`${tried} inputs: ${checker.ends}; ${findings.lines.length} kinds of findings`)
    }
  } finally {
    raw.disconnect()
    await server.stop()
    watching.stop()
    hearWarnings()
  }
  return { inputs: tried, findings: findings.lines }
}

/** A penknife whose features made their keys. */
interface Stage {
  readonly raw: Redis
  readonly penknife: Penknife
  readonly calls: PublicCalls
  readonly kept: readonly Kept[]
  readonly checker: Checker
  readonly findings: Findings
  /** The round under way. */
  doing: string
  /** Starts a worker of each stream, in a hurry. */
  work(random: Random): readonly Worker[]
  /** Follows a channel as a user. Returns a function that ends it. */
  follow(): Promise<() => void>
}

async function prepare(
  server: PrivateRedis,
  raw: Redis,
  findings: Findings,
  checker: Checker,
): Promise<Stage> {
  await raw.flushall()
  const penknife = connect(pattern(server.socket), { deadline: DEADLINE_MS })
  penknife.on(() => {})
  const space = penknife.space('shop')
  const calls = publicCalls(space, DEADLINE_MS)
  const options = { lease: 1000, retryDelay: 20, maxAttempts: 2 }
  const queue = createStream<number>(space, 'queue', { groups: ['billing', 'mailing'] })
  const log = createStream<number>(space, 'log', { groups: ['search'], retain: { entries: 50, age: '1h' } })
  const notifier = createNotifier(space, 'main', { history: 20 })

  function work(random: Random): readonly Worker[] {
    const handler = (): void => {
      const luck = random.next()
      if (luck < 0.2) throw new Error('odd')
      if (luck < 0.3) throw new NeverRetryError('never')
    }
    const workers = [
      queue.worker('billing', handler, options),
      queue.batchWorker('mailing', handler, options),
      log.worker('search', handler, options),
    ]
    for (const worker of workers) worker.on(() => {})
    return workers
  }

  async function follow(): Promise<() => void> {
    const admission = await notifier.admit('ann', { onRevoked: () => {}, onEnd: () => {} })
    const ending = (): void => void admission.close()
    try {
      await admission.limit(2)
      await notifier.subscribe(['room', 'empty'], { onEvent: () => {}, admission, from: { room: '-' } })
    } catch (error) {
      ending()
      throw error
    }
    return ending
  }

  // Those that add something a second time, since others took it off.
  const adding = /add|increment|publish|take|block$|pause|describe$|set$|best|update/
  for (const name of [...Object.keys(calls), ...Object.keys(calls).filter((each) => adding.test(each))]) {
    await calls[name]?.().catch(() => {})
  }
  const workers = work({ next: () => 0.25, int: (from) => from, pick: ([first]) => first as never })
  await delay(150)
  await Promise.all(workers.map((worker) => worker.close({ deadline: 0 })))
  await calls['group.pause']?.()
  await calls['queue.addMany']?.()
  await calls['log.addMany']?.()
  // Ready entries, and entries of a vanished worker.
  await raw.xadd(`${STREAM}:queue:ready:billing`, '*', 'i', '1-1', 'a', 1, 'f', 1, 'd', '1')
  await raw.xadd(`${STREAM}:queue:ready:billing`, '*', 'i', '1-2', 'a', 1, 'f', 1, 'd', '2')
  for (const [name, group] of [
    ['queue', 'billing'],
    ['queue:ready:billing', 'billing'],
    ['log', 'search'],
  ] as const) {
    await raw.xreadgroup('GROUP', group, 'gone', 'COUNT', 1, 'STREAMS', `${STREAM}:${name}`, '>')
  }
  const unfollow = await follow()
  const kept = await keep(raw)
  unfollow()
  return {
    raw,
    penknife,
    calls,
    checker,
    findings,
    doing: '',
    kept,
    work,
    follow,
  }
}

/**
 * Plays a round; one in which Redis was slow again. Only what Redis computed counts: on a busy machine it also waits for
 * a core.
 */
async function playWatched(stage: Stage, seed: number, round: number): Promise<number> {
  const { raw, findings } = stage
  let calls = 0
  for (let time = 0; time < 3; time++) {
    await raw.slowlog('RESET')
    const before = await computedMs(raw)
    const played = await play(stage, randomOf(seed, round), round)
    calls += played.calls
    const slow = ((await raw.slowlog('GET', 1)) as readonly unknown[])[0]
    if (!slow || (await computedMs(raw)) - before < SLOW_US / 1000) return calls
    if (time === 2)
      findings.add('Redis was busy for over 50 ms', `${played.what} ${JSON.stringify(slow).slice(0, 300)}`)
  }
  return calls
}

/** What a call fails with when Redis is away or slow. */
const AWAY: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'PENKNIFE_TIMEOUT',
  'PENKNIFE_UNAVAILABLE',
  'PENKNIFE_FATE_UNKNOWN',
])

const STREAM = 'pk1:{shop}:stream'

/** Keys, and the calls that use them. */
const AREAS = [
  { keys: /:limit/, calls: /^limiter/ },
  { keys: /:limit:(plain|two)/, calls: /^limiter/ },
  { keys: /:board:points/, calls: /^board/ },
  { keys: /:board:windows/, calls: /^windows/ },
  { keys: /:board:first/, calls: /^first/ },
  { keys: /:board:(back|points)/, calls: /^back/ },
  { keys: /:stream:queue/, calls: /^(queue|group|deadLetters)/ },
  { keys: /:stream:log/, calls: /^(log|group)/ },
  { keys: /:notify/, calls: /^(notifier|aging)/ },
  { keys: /:notify-(next|control|connections)/, calls: /^notifier/ },
  { keys: /./, calls: /./ },
]

interface Played {
  readonly calls: number
  /** The text of the round in a finding. */
  readonly what: string
}

async function play(stage: Stage, random: Random, round: number): Promise<Played> {
  const { raw, kept, calls, checker, findings } = stage
  await restore(raw, kept)
  const area = random.pick(AREAS)
  const spoilable = kept.map(({ key }) => key).filter((key) => area.keys.test(key))
  const done: Command[] = []
  for (let left = random.int(1, 4); left > 0; left--) {
    for (const command of await mutationOf(random, raw, spoilable)) {
      const [name, ...args] = command
      const refused = await raw.call(name, args).then(
        () => false,
        () => true,
      )
      if (!refused) done.push(command)
    }
  }
  const what = `round ${round}, ${done.map(shown).join('; ')}`
  stage.doing = what
  const names = Object.keys(calls).filter((name) => area.calls.test(name))
  const some = Array.from({ length: random.int(5, 30) }, () => random.pick(names))
  async function check(name: string): Promise<PenknifeError | undefined> {
    const error = await checker.call(name, calls[name] as PublicCalls[string], () => what)
    // When a later step of a call is refused, the reason is in the error's cause.
    const reason = error?.cause instanceof PenknifeError ? error.cause : error
    if (error && reason && AWAY.has(reason.code)) {
      findings.add(`${name} says that Redis is away, which it is not`, `${error.message}; ${what}`)
    }
    return error
  }

  const way = random.next()
  if (way < 0.6) {
    const name = some[0] as string
    const before = await keep(raw)
    const error = await check(name)
    if (error?.fate === 'not-done' && isOneStep(name)) {
      const changed = differences(before, await keep(raw)).filter((key) => !DECLARED.test(key))
      if (changed.length > 0) {
        findings.add(
          `${name} failed as not-done and wrote`,
          `${changed.join(', ')}; ${error.message}; ${what}`,
        )
      }
    }
    return { calls: 1, what }
  }
  if (way < 0.9) {
    await Promise.all(some.map(check))
    return { calls: some.length, what }
  }
  if (way < 0.95) {
    const workers = stage.work(random)
    await Promise.all(some.slice(0, 5).map(check))
    await delay(random.int(0, 60))
    for (const worker of workers) {
      if (!(await settlesWithin(worker.close({ deadline: 0 }), SETTLES_MS)))
        findings.add('worker.close() did not resolve', what)
    }
    return { calls: 6, what }
  }
  let end: (() => void) | undefined
  await checker.call(
    'follow',
    async () => void (end = await stage.follow()),
    () => what,
  )
  await Promise.all(some.slice(0, 5).map(check))
  await delay(random.int(0, 20))
  end?.()
  return { calls: 2, what }
}

/** Scripts that declare an object. They run now and then before a call, independent of the call's outcome. */
const DECLARED = /:declaration$|:(limit-declared|limit-rules|notify-declaration):/

/** Calls of several steps may fail after some of them. */
function isOneStep(name: string): boolean {
  return !/ and |subscribe|events|admit|listen|positions/.test(name)
}

function shown(command: Command): string {
  const text = command.map((value) =>
    JSON.stringify(Buffer.isBuffer(value) ? value.toString('latin1') : value),
  )
  return text.join(' ').slice(0, 300)
}
