import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { Redis } from 'ioredis'

import { bundlePrograms } from '../scripts/programs.ts'
import { startRedis } from '../scripts/redis/server.ts'
import { createFindings, type Findings, type Fuzzer, randomOf, settlesWithin } from './harness.ts'
import { play } from './http/client.ts'
import { type Input, makeInput } from './http/inputs.ts'
import type { Asked, Kept, Ready, Report } from './http/messages.ts'

/** Clients at a time. */
const AT_ONCE = 40
/** The number of inputs between two checks of what the server keeps. */
const STRETCH = 1000
/** Inputs of one life of the server. */
const LIFE = 10_000
const CLOSE_WITHIN_MS = 6000
/** How often the server is asked until nothing is kept, some 60 s. Not a time: on a busy machine the server may have none of it. */
const MOST_ASKED = 3000
const ASK_EVERY_MS = 20
/** What the heap may have grown by from the first stretch of a life to its last. */
const HEAP_BYTES = 8 << 20
/** Timers of connections to Redis and of batches. */
const TIMERS = 10

export const http: Fuzzer = {
  name: 'http',
  about: 'mutated requests over raw sockets against the middlewares in every framework',
  inputs: 100_000,
  async run({ seed, inputs, log }) {
    const findings = createFindings()
    await using redis = await startRedis()
    const raw = new Redis(redis.url)
    const folder = await mkdtemp(join(tmpdir(), 'penknife-fuzz-'))
    try {
      await bundlePrograms({ server: fileURLToPath(new URL('http/server.ts', import.meta.url)) }, folder)
      let done = 0
      while (done < inputs) {
        done += await life({
          program: join(folder, 'server.mjs'),
          url: redis.url,
          raw,
          seed,
          from: done,
          count: Math.min(LIFE, inputs - done),
          findings,
        })
        log([`${done.toLocaleString('en-US')} inputs`, ...findings.lines].join('\n  found: '))
        await raw.flushall()
      }
      return { inputs: done, findings: findings.lines }
    } finally {
      raw.disconnect()
      await rm(folder, { recursive: true, force: true })
    }
  },
}

interface Life {
  /** The bundled server. */
  readonly program: string
  readonly url: string
  readonly raw: Redis
  readonly seed: number
  /** The number of its first input. */
  readonly from: number
  readonly count: number
  readonly findings: Findings
}

/** One process of the server, from its start to its close under attack. */
async function life({ program, url, raw, seed, from, count, findings }: Life): Promise<number> {
  await using server = await startServer(program, url)
  let first: Kept | undefined
  let done = 0
  while (done < count && server.running) {
    const stretch = Math.min(STRETCH, count - done)
    const inputs = { seed, from: from + done, count: stretch, findings }
    done += stretch
    const kept = await playAll(server, raw, inputs)
    // An input that blocks does it again, unlike a busy machine.
    if (kept?.blocked.length) {
      for (const line of (await playAll(server, raw, inputs))?.blocked ?? []) findings.add(line)
    }
    first ??= kept
    if (!kept || !first) break
    const grown = kept.heapBytes - first.heapBytes
    if (grown > HEAP_BYTES)
      findings.add('the heap grows', `${(grown / 1e6).toFixed(1)} MB by input ${from + done}`)
    if (kept.timers > first.timers + TIMERS) findings.add('timers stay', `${first.timers} to ${kept.timers}`)
  }
  if (!server.running) {
    findings.add('the server process ended', `exit code ${server.exitCode}, by input ${from + done}`)
    return done
  }
  await checkKeys(raw, findings)
  await closeUnderAttack(server, randomOf(seed, -1 - from).next() > 0.5, findings)
  return done
}

type Inputs = Pick<Life, 'seed' | 'from' | 'count' | 'findings'>

/** Plays inputs. Returns what the server keeps after their clients left. */
async function playAll(server: RunningServer, raw: Redis, inputs: Inputs): Promise<Kept | undefined> {
  await server.ask('begin')
  await attack(server.ready, inputs)
  return rest(server, raw, inputs.findings, `inputs up to ${inputs.from + inputs.count}`)
}

/** Plays inputs, some at a time, each on a connection of its own. */
async function attack({ ports, names }: Ready, { seed, from, count, findings }: Inputs): Promise<void> {
  let next = from
  async function worker(): Promise<void> {
    while (next < from + count) {
      const nth = next++
      const at = nth % ports.length
      const input = makeInput(randomOf(seed, nth))
      const text = await play(ports[at] as number, input)
      check(text, input, `input ${nth} of seed ${seed}, ${names[at]}`, findings)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

function check(text: string, { writes }: Input, which: string, findings: Findings): void {
  const asked = (): string =>
    `${which}: ${JSON.stringify(Buffer.concat(writes).toString('latin1').slice(0, 300))}`
  const sent = Buffer.concat(writes).toString('latin1')
  const fault = /^HTTP\/1\.[01] (5\d\d)/m.exec(text)?.[1]
  // Express answers a method that it does not know so.
  // idempotent refuses a handler that streams its response.
  const streams = /idempotency-key/i.test(sent) && /\/(stream|events)/i.test(sent)
  if (fault !== undefined && fault !== '501' && !(fault === '500' && streams))
    findings.add(`a response with the status ${fault}`, asked())
  // The application answers /echo with the body, in which another request may be.
  if (sent.includes('ann:secret') && !/\/echo/i.test(sent) && text.includes('secret')) {
    findings.add('a response repeats a password', asked())
  }
}

/** Waits until the server keeps nothing of its clients. Returns what it keeps at the end. */
async function rest(
  server: RunningServer,
  raw: Redis,
  findings: Findings,
  when: string,
): Promise<Kept | undefined> {
  for (let asked = 1; ; asked++) {
    const kept = (await server.ask('rest')) as Kept | undefined
    if (!kept) return undefined
    const channels = (await raw.call('PUBSUB', 'SHARDCHANNELS')) as string[]
    const places = await raw.keys('*notify-connections*')
    if (kept.connections.length === 0 && kept.slots === 0 && channels.length === 0 && places.length === 0)
      return kept
    if (asked === MOST_ASKED) {
      findings.add(
        'the server keeps something after all clients left',
        `connections ${kept.connections.join(' | ').slice(0, 1000)}, ${kept.slots} slots, channels ${channels.join(' ')}, places ${places.join(' ')}; ${when}`,
      )
      return kept
    }
    await delay(ASK_EVERY_MS)
  }
}

/** Every key is one of penknife's, of bounded length. A key that a client can cause has a TTL. */
async function checkKeys(raw: Redis, findings: Findings): Promise<void> {
  for (const key of await raw.keys('*')) {
    // The lists for tools have no data of clients.
    if (/^pk1:\{(fuzz|\/)\}:(spaces|registry):/.test(key)) continue
    const known = /^pk1:\{fuzz(\/\d+)?\}:(limit(-[a-z]+)?|stream|board|request|notify(-[a-z]+)?):/
    if (!known.test(key) || key.length > 300)
      findings.add('a key that penknife does not make', key.slice(0, 300))
    if (/:(limit|limit-slots|request|notify):/.test(key) && (await raw.pttl(key)) === -1)
      findings.add('a key without a TTL', key)
  }
  const entries = (await raw.xrange('pk1:{fuzz}:stream:requests', '-', '+')) as [string, string[]][]
  for (const [, fields] of entries) {
    const entry = JSON.parse(fields[fields.indexOf('d') + 1] ?? '{}') as Record<string, unknown>
    const texts = [entry['method'], entry['path'], entry['userAgent'] ?? '', entry['ip'] ?? ''].map(String)
    if (
      texts.some(
        (text) =>
          text.length > 1024 || /[\u0000-\u001f\u007f-\u009f\u202e]|^[a-z]+:\/\/ann:secret/i.test(text),
      )
    ) {
      findings.add(
        'a log entry that could fake a line, drive a terminal or show a password',
        texts.join(' ').slice(0, 300),
      )
    }
  }
}

/** Closes the server while clients stay that read nothing and wait behind each other. */
async function closeUnderAttack(server: RunningServer, reading: boolean, findings: Findings): Promise<void> {
  await server.ask('begin')
  const requests = 'GET /events HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5)
  const clients = server.ready.ports.flatMap((port) =>
    Array.from({ length: 5 }, () =>
      play(port, { writes: [Buffer.from(requests)], leaving: 'wait', afterMs: 30_000, slow: !reading }),
    ),
  )
  await delay(100)
  const closing = server.ask('close') as Promise<Report | undefined>
  if (!(await settlesWithin(closing, 5 * CLOSE_WITHIN_MS))) return findings.add('close did not end')
  const report = await closing
  if (!report) findings.add('the server process ended', 'while it closed')
  else {
    if (report.closedMs > CLOSE_WITHIN_MS)
      findings.add('close took too long', `${report.closedMs.toFixed(0)} ms`)
    for (const line of report.findings) findings.add(line)
  }
  await Promise.all(clients)
}

interface RunningServer extends AsyncDisposable {
  readonly ready: Ready
  readonly running: boolean
  readonly exitCode: number | null
  /** Undefined when the process ended. */
  ask(asked: Asked): Promise<Kept | Report | undefined>
}

async function startServer(program: string, url: string): Promise<RunningServer> {
  const child: ChildProcess = fork(program, [url], {
    execArgv: ['--expose-gc'],
    env: { ...process.env, NODE_ENV: 'production', NODE_NO_WARNINGS: '1' },
  })
  const answers = new Map<number, (answer: never) => void>()
  child.on('message', ({ nth, answered }: { nth: number; answered: never }) => answers.get(nth)?.(answered))
  const ended = once(child, 'exit').then(() => undefined)
  const answerOf = <Answer>(nth: number): Promise<Answer | undefined> =>
    Promise.race([new Promise<Answer>((resolve) => answers.set(nth, resolve)), ended])
  const ready = await answerOf<Ready>(0)
  if (!ready) throw new Error("the fuzzer's server did not start")
  let asked = 0
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null
  return {
    ready,
    get running() {
      return isRunning()
    },
    get exitCode() {
      return child.exitCode
    },
    ask(what) {
      if (!isRunning()) return Promise.resolve(undefined)
      const nth = ++asked
      const answer = answerOf<Kept | Report>(nth)
      child.send({ nth, asked: what })
      return answer
    },
    async [Symbol.asyncDispose]() {
      if (isRunning()) child.kill('SIGKILL')
      await ended
    },
  }
}
