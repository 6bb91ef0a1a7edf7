// A process that serves penknife's middlewares in every framework, and reports its findings on request.
import { liveTimers } from './timers.ts'

import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

import {
  connect,
  createLeaderboard,
  createNotifier,
  createRateLimiter,
  createStream,
  PenknifeError,
} from '@penknife/core'
import { type Exchange, type Handler, PASS, type RequestEntry } from '@penknife/http'
import {
  acceptPlugin,
  idempotentPlugin,
  leaderboardPlugin,
  notificationsPlugin,
  rateLimitPlugin,
  requestLogPlugin,
} from '@penknife/http/adapter'

// Others do not see that a connection broke on which responses wait behind each other, and keep their slots.
import { connected as frameworks } from '../../test/http/frameworks.ts'
import { createFindings, watchLoop, watchProcess } from '../harness.ts'
import type { Asked, Kept, Ready, Report } from './messages.ts'
import { pattern } from '../../scripts/redis/clients.ts'

/** Slots of the concurrency rule, more than there are ever requests. */
const SLOTS = 10_000
/** One event in so many milliseconds. */
const EVENT_MS = 20

const findings = createFindings()
watchProcess(findings)
/** What was served last, the newest at the end. */
let served: string[] = []
let blocks = createFindings()
watchLoop({ add: (...block) => blocks.add(...block) }, () => served.join(' < '))
process.on('disconnect', () => process.exit())
let closing = false
/** Warnings about clients, and about a Redis that keeps nothing on purpose. All others are about the server itself. */
const EXPECTED = new Set([
  'PENKNIFE_UNTRUSTED_PROXY',
  'PENKNIFE_TRUSTS_EVERY_PROXY',
  'PENKNIFE_NO_ADDRESS',
  'PENKNIFE_BARE_ADDRESS',
  'PENKNIFE_CHARGED_TWICE',
  'PENKNIFE_IDEMPOTENT',
  'PENKNIFE_PERSISTENCE',
])
process.on('warning', ({ name, message, code }: NodeJS.ErrnoException) => {
  const isFault =
    name === 'MaxListenersExceededWarning' || (name === 'PenknifeWarning' && !EXPECTED.has(code ?? ''))
  // Once penknife is closed the policy decides, and warns.
  if (isFault && !closing && !isAboutResets(message)) findings.add('a warning', message.slice(0, 500))
})
/** The log warns when many clients reset their connections. */
function isAboutResets(message: string): boolean {
  return message.includes('connections a second at once')
}

// A long deadline: a busy machine must not look like an outage of Redis.
const penknife = connect(pattern(process.argv[2] as string), { deadline: '30s' })
const space = penknife.space('fuzz')
const guard = createRateLimiter(space, 'guard', {
  rules: [{ name: 'burst', limit: 50, window: '1s' }],
  denyCache: { entries: 100 },
  deadline: '30s',
})
const slots = createRateLimiter(space, 'slots', {
  rules: [{ name: 'calls', algorithm: 'concurrency', limit: SLOTS, lease: '1m' }],
  deadline: '30s',
})
const notifier = createNotifier(space, 'main')
const board = createLeaderboard(space, 'points', { windows: { all: 'all-time', day: { calendar: 'day' } } })
const requests = createStream<RequestEntry>(space, 'requests', { retain: { entries: 1000, lossy: true } })

/** No worker: one follows a channel, and then it is not seen that clients left none. */
const jobs = createStream(space, 'jobs', { groups: ['work'] })
const endless = await jobs.add('endless', { result: { keep: '1h' } })
/** What clients call 1-0 is a job that nobody handles. */
const real = (id: string): string => (id === '1-0' ? endless : id)
const accepting: typeof jobs = {
  ...jobs,
  find: (id) => jobs.find(real(id)),
  result: (id, options) => jobs.result(real(id), options),
}

const routes: Readonly<Record<string, Handler>> = {
  '/raw': async (exchange) => ({ status: 200, body: { bytes: (await exchange.rawBody(4096)).byteLength } }),
  '/captured': (exchange) => {
    void exchange.captureBody(100)
    return PASS
  },
  '/slow': async ({ signal }) => {
    await delay(20, undefined, { signal }).catch(() => {})
    return { status: 200, body: 'at last' }
  },
  '/stream': () => ({
    status: 200,
    stream(writer) {
      for (let nth = 0; nth < 20; nth++) writer.write('x'.repeat(60_000))
      writer.end()
    },
  }),
}

const channelsOf = ({ query }: Exchange): string[] => {
  const asked = query.getAll('channel')
  return asked.length > 0 ? asked : ['room']
}

/** The handlers of one server, and a function that closes them. */
function handlersOf(): Handler[] {
  const events = notificationsPlugin.setup(notifier, {
    channels: channelsOf,
    authorize: (_, channels) => channels.filter((channel) => channel !== 'secret'),
    user: ({ query }) => query.get('user') ?? undefined,
    perUser: 5,
    heartbeat: 50,
    retry: 10,
  })
  const accept = acceptPlugin.setup(accepting, {
    path: '/api/jobs',
    payload: (_, body) => body ?? null,
    authorize: (_, id) => id !== '3-0',
    keep: '1s',
    maxRequestBytes: 4096,
    heartbeat: '1s',
  })
  const noting: Handler = ({ method, url }) => {
    served = [...served, `${method} ${url.slice(0, 200)}`].slice(-4)
    return PASS
  }
  const routing: Handler = (exchange) =>
    exchange.path === '/events' ? events(exchange) : (routes[exchange.path]?.(exchange) ?? PASS)
  routing.close = async () => events.close?.(10_000)
  return [
    noting,
    requestLogPlugin.setup(requests),
    rateLimitPlugin.setup(guard, { refundIf: ({ aborted }) => aborted }),
    rateLimitPlugin.setup(slots, { key: () => 'everyone' }),
    idempotentPlugin.setup(space, {
      tenant: () => 'everyone',
      required: false,
      maxRequestBytes: 4096,
      maxResponseBytes: 10_000,
      window: '1s',
      lease: '1s',
      maxRun: '1s',
      wait: 20,
    }),
    leaderboardPlugin.setup(board, { path: '/api/points', windows: ['all', 'day'] }),
    accept,
    routing,
  ]
}

const errors: { readonly framework: string; readonly seen: unknown[] }[] = []
const handlers: Handler[] = []
/** The open connections, each with its framework and its requests. */
const open = new Map<Socket, string>()
const servers: Server[] = []

/** Clients that leave, and requests that cannot be, are no faults. */
function isIntended(error: unknown): boolean {
  const { status, code } = (error ?? {}) as { status?: number; code?: string }
  if (status !== undefined && status >= 400 && status < 500) return true
  // A stream with an Idempotency-Key.
  if (error instanceof PenknifeError && error.message.includes('the handler streams its response'))
    return true
  return /^(HPE_|ECONN|EPIPE|ERR_STREAM_PREMATURE_CLOSE|ERR_HTTP_REQUEST)/.test(code ?? '')
}

async function serve(): Promise<number[]> {
  return Promise.all(
    frameworks.map(async (framework, nth) => {
      const seen: unknown[] = []
      errors.push({ framework: framework.name, seen })
      const own = handlersOf()
      handlers.push(...own)
      // Half of them believe a proxy.
      const server = createServer(framework.listener(own, { trustProxy: nth % 2 === 0 }, seen))
      servers.push(server)
      server.on('connection', (socket) => {
        open.set(socket, framework.name)
        socket.once('close', () => open.delete(socket))
      })
      server.prependListener('request', ({ method, url = '', socket }) =>
        open.set(socket, `${open.get(socket)}, ${method} ${url.slice(0, 200)}`),
      )
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return (server.address() as AddressInfo).port
    }),
  )
}

function collectErrors(): void {
  for (const { framework, seen } of errors) {
    for (const error of seen.splice(0)) {
      if (isIntended(error)) continue
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      findings.add(`an error in ${framework}: ${text.split('\n')[0]}`, text.split('\n').slice(1, 6).join(' '))
    }
  }
}

async function keptNow(): Promise<Kept> {
  const { remaining } = await slots.take('everyone', { cost: 0 })
  return {
    connections: [...open.values()],
    slots: SLOTS - remaining,
    timers: liveTimers(),
    heapBytes: process.memoryUsage().heapUsed,
    blocked: blocks.lines,
  }
}

let events: NodeJS.Timeout | undefined

async function answer(asked: Asked): Promise<Kept | Report> {
  if (asked === 'begin') {
    blocks = createFindings()
    events = setInterval(() => {
      notifier
        .publish('room', 'x'.repeat(2000))
        .catch((error: unknown) => findings.add('publish failed', String(error)))
    }, EVENT_MS)
    return keptNow()
  }
  if (asked === 'rest') {
    clearInterval(events)
    // A full collection takes as long as many requests, and it is asked again until nothing is open.
    if (open.size === 0) {
      globalThis.gc?.()
      // What the first collection finalizes.
      await delay(20)
      globalThis.gc?.()
    }
    return keptNow()
  }
  if (asked === 'close') {
    closing = true
    clearInterval(events)
    const began = performance.now()
    await Promise.all([
      ...handlers.map(async (handler) => handler.close?.(10_000)),
      penknife.close({ deadline: 5000 }),
    ])
    const closedMs = performance.now() - began
    for (const server of servers) server.closeAllConnections()
    collectErrors()
    return { findings: findings.lines, closedMs }
  }
  collectErrors()
  return { findings: findings.lines, closedMs: 0 }
}

process.on('message', ({ nth, asked }: { nth: number; asked: Asked }) => {
  answer(asked).then(
    (answered) => process.send?.({ nth, answered }),
    (error: unknown) =>
      process.send?.({ nth, answered: { findings: [`the fuzzer's server: ${String(error)}`], closedMs: 0 } }),
  )
})

for (const [at, member] of ['ann', 'ben', 'cem'].entries()) await board.increment(member, at + 1)
const ready: Ready = { ports: await serve(), names: frameworks.map(({ name }) => name) }
process.send?.({ nth: 0, answered: ready })
