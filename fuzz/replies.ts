import { connect, createNotifier, createStream, type Penknife } from '@penknife/core'
import { Redis } from 'ioredis'

import { startRedis } from '../scripts/redis/server.ts'
import { type SpoilingProxy, startSpoilingProxy } from '../test/support/spoiling-proxy.ts'
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
  watchProcess,
} from './harness.ts'
import { spoiledReply } from './resp.ts'

const DEADLINE_MS = 300
/** A connection on which a reply does not end is given up after 15 s. */
const RECOVERS_MS = 25_000
/** Then another one begins, with the other protocol. */
const ROUNDS_OF_A_PENKNIFE = 200

/** Makes every kind of call while Redis answers, and sends, something else than it should. */
export const replies: Fuzzer = {
  name: 'replies',
  // The proxy computes in this process, so a blocked event loop proves nothing here.
  about: 'every call, while replies and messages of Redis are spoiled, in RESP2 and RESP3',
  inputs: 100_000,
  run,
}

async function run({ seed, inputs, log }: FuzzOptions): Promise<FuzzResult> {
  const findings = createFindings()
  const checker = createChecker(findings)
  const watching = watchProcess(findings)
  const hearWarnings = dropWarnings()
  const server = await startRedis({ args: ['--save', ''] })
  const raw = new Redis(server.socket)
  let tried = 0
  let spoiled = 0
  try {
    for (let first = 0; tried < inputs; first += ROUNDS_OF_A_PENKNIFE) {
      await raw.flushall()
      const proxy = await startSpoilingProxy(server)
      const protocol = (first / ROUNDS_OF_A_PENKNIFE) % 2 === 0 ? 3 : 2
      const stage = await prepare(proxy, protocol, checker, findings)
      for (let round = first; round < first + ROUNDS_OF_A_PENKNIFE && tried < inputs; round++) {
        tried += await play(stage, randomOf(seed, round), round)
        if (round % 20 === 19) await raw.flushall()
        if (round % 50 === 49) await expectRecovery(stage)
      }
      if (!(await settlesWithin(stage.penknife.close({ deadline: '2s' }), SETTLES_MS))) {
        findings.add('penknife.close() did not resolve', `before round ${first + ROUNDS_OF_A_PENKNIFE}`)
      }
      spoiled += proxy.spoiled
      proxy.close()
      log(
        `${tried} inputs, ${spoiled} spoiled replies and messages: ${checker.ends}; ${findings.lines.length} kinds of findings`,
      )
    }
  } finally {
    raw.disconnect()
    await server.stop()
    watching.stop()
    hearWarnings()
  }
  return { inputs: tried, findings: findings.lines }
}

interface Stage {
  readonly proxy: SpoilingProxy
  readonly penknife: Penknife
  readonly calls: PublicCalls
  readonly checker: Checker
  readonly findings: Findings
  /** The round under way. */
  doing: string
}

/** A penknife behind the proxy, with workers and subscriptions that go on for all of its rounds. */
async function prepare(
  proxy: SpoilingProxy,
  protocol: 2 | 3,
  checker: Checker,
  findings: Findings,
): Promise<Stage> {
  // ioredis' overloads by reply mapping do not take its own options type.
  const options: object = { lazyConnect: true, protocol }
  const penknife = connect(new Redis(proxy.url, options), { deadline: DEADLINE_MS })
  penknife.on(() => {})
  const space = penknife.space('shop')
  const queue = createStream<number>(space, 'queue', { groups: ['billing', 'mailing'] })
  const lease = { lease: 1000, retryDelay: 20, maxAttempts: 2 }
  const workers = [
    queue.worker('billing', ({ payload }) => void (payload % 2), lease),
    queue.batchWorker('mailing', () => {}, lease),
    createStream(space, 'log', { retain: { entries: 50 } }).worker('search', () => {}, lease),
  ]
  for (const worker of workers) worker.on(() => {})
  const notifier = createNotifier(space, 'main', { history: 20 })
  const admission = await ready(() => notifier.admit('bob', { onRevoked: () => {}, onEnd: () => {} }))
  await ready(() => notifier.subscribe(['room', 'empty'], { onEvent: () => {}, admission }))
  await ready(() => notifier.listen(['ro*'], { onEvent: () => {} }))
  return { proxy, penknife, calls: publicCalls(space, DEADLINE_MS), checker, findings, doing: '' }
}

/** Repeats a call until it succeeds: on a loaded machine the deadline may pass before anything is spoiled. */
async function ready<Result>(call: () => Promise<Result>, attempts = 50): Promise<Result> {
  try {
    return await call()
  } catch (error) {
    if (attempts === 1) throw error
    return ready(call, attempts - 1)
  }
}

/** Texts that no penknife sends. That a message has a channel and a text at all is up to the client library. */
const MESSAGES = [
  '',
  'garbage',
  '\n\n',
  '5-1-abcdef\nrevoke\n{"user":',
  '5-1-abcdef\nrevoke\n{"user":"bob"}',
  '5-1-abcdef\nrevoke\nnull',
  '\nmessage\n[',
  '5-1\nmessage\n1',
  '99999999999999999-9-abcdef\nmessage\n1',
  '9',
  '-1',
]

/** A message of a channel, with another text. */
function withText(message: string, text: string): string {
  const [head = '', length] = /^[^]*?smessage\r\n\$(\d+)\r\n/.exec(message) ?? []
  return `${message.slice(0, head.length + Number(length) + 2)}$${text.length}\r\n${text}\r\n`
}

/** Commands of the login and the handshake. Without their replies a client library cannot connect. */
const GREETINGS: ReadonlySet<string> = new Set(['hello', 'auth', 'select', 'client', 'readonly'])

async function play(stage: Stage, random: Random, round: number): Promise<number> {
  const { proxy, calls, checker } = stage
  const names = Object.keys(calls)
  const some = Array.from({ length: random.int(5, 40) }, () => random.pick(names))
  const often = random.pick([0.1, 0.5, 1])
  const last: string[] = []
  stage.doing = `round ${round}`
  const spoil = (what: string, reply: string): string | undefined => {
    if (random.next() > often) return undefined
    const instead = spoiledReply(random, reply)
    last.push(`${what} ${JSON.stringify(instead).slice(0, 120)}`)
    return instead
  }
  proxy.spoil = ([command = ''], reply) => (GREETINGS.has(command) ? undefined : spoil(command, reply))
  proxy.spoilMessage = (message) => withText(message, random.pick(MESSAGES))
  await Promise.all(
    some.map((name) =>
      checker.call(
        name,
        calls[name] as PublicCalls[string],
        () => `round ${round}, ${last.slice(-5).join(', ')}`,
      ),
    ),
  )
  proxy.spoil = undefined
  proxy.spoilMessage = undefined
  return some.length
}

/** Once replies are right again, so are calls. */
async function expectRecovery({ proxy, penknife, calls, findings, doing }: Stage): Promise<void> {
  const end = performance.now() + RECOVERS_MS
  let error: unknown
  while (performance.now() < end) {
    try {
      await calls['queue.stats']?.()
      await calls['board.increment']?.()
      await calls['limiter.take of all algorithms']?.()
      await calls['notifier.subscribe']?.()
      const { status, reason } = await penknife.health()
      // Health reports a refused script until it is called again.
      if (status !== 'unavailable') return
      error = reason
    } catch (caught) {
      error = caught
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  findings.add(
    'calls do not work again after replies were spoiled',
    `${doing}, ${String(error)}, ${proxy.url}`,
  )
}
