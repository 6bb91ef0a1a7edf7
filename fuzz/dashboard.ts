import { createHash } from 'node:crypto'
import { Agent, createServer, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'

import {
  connect,
  createLeaderboard,
  createLock,
  createNotifier,
  createRateLimiter,
  createStream,
  type Penknife,
} from '@penknife/core'
import { dashboard as serveDashboard } from '@penknife/dashboard/node'
import { Redis } from 'ioredis'

import { startRedis } from '../scripts/redis/server.ts'
import { dropWarnings } from './check.ts'
import { type DashboardInput, makeDashboardInput } from './dashboard/inputs.ts'
import { createFindings, type Findings, type Fuzzer, randomOf, watchLoop, watchProcess } from './harness.ts'

/** Requests at a time. */
const AT_ONCE = 20
/** Requests between two checks of what was changed. In turn nobody may act, and some users may. */
const STRETCH = 500
const LIVE_MS = 5000
const ROLES = { ann: 'operate', bob: 'read' } as const

/** Attacks the API of the dashboard. */
export const dashboard: Fuzzer = {
  name: 'dashboard',
  about: 'requests of every kind and role to the API of the dashboard',
  inputs: 200_000,
  async run({ seed, inputs, log }) {
    const findings = createFindings()
    const watching = watchProcess(findings)
    const hearWarnings = dropWarnings()
    await using redis = await startRedis()
    const raw = new Redis(redis.url)
    const given = new Redis(redis.url, { lazyConnect: true })
    const penknife = connect(given)
    penknife.on(() => {})
    await fill(penknife)
    const serve = serveDashboard(penknife, {
      maxLive: 10,
      authorize({ request }) {
        const user = String(request.headers['x-user'])
        const role = ROLES[user as keyof typeof ROLES]
        if (user === 'eve' && Math.floor(next / 100) % 2 === 0) throw new Error('secret of authorize')
        return role !== undefined && { user, role }
      },
    })
    const server = createServer((request, response) => {
      serve(request, response).then(
        (continues) => continues && response.writeHead(404).end('passed'),
        (error: unknown) => {
          findings.add('the middleware rejected', String(error))
          response.destroy()
        },
      )
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
    let next = 0
    const loop = watchLoop(findings, () => `about input ${next} of seed ${seed}`)

    async function stretch(until: number, acting: boolean): Promise<void> {
      async function worker(): Promise<void> {
        while (next < until) {
          const nth = next++
          const input = makeDashboardInput(randomOf(seed, nth), acting)
          check(await play(port, agent, input), input, `input ${nth} of seed ${seed}`, findings)
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, worker))
    }

    for (let from = 0; from < inputs; from += STRETCH) {
      const acting = (from / STRETCH) % 2 === 1
      const before = await stateOf(raw)
      await stretch(Math.min(inputs, from + STRETCH), acting)
      const changed = acting ? [] : changedBetween(before, await stateOf(raw))
      if (changed.length > 0)
        findings.add(
          'something was changed without the role',
          `${changed.join(' ')}, inputs up to ${next} of seed ${seed}`,
        )
      if (next % 20_000 === 0) log(`${next} requests`)
    }

    loop.stop()
    agent.destroy()
    await serve.close({ deadline: 2000 })
    server.closeAllConnections()
    server.close()
    await penknife.close()
    given.disconnect()
    raw.disconnect()
    hearWarnings()
    watching.stop()
    return { inputs: next, findings: findings.lines }
  },
}

/** Something of every feature. */
async function fill(penknife: Penknife): Promise<void> {
  const space = penknife.space('fuzz')
  const orders = createStream(space, 'orders', {
    groups: ['billing'],
    tags: (payload) => ({ kind: typeof payload }),
  })
  const keyed = createStream(space, 'keyed', { groups: ['billing'], order: 'key' })
  const log = createStream(space, 'log', { retain: { entries: 100 } })
  await orders.addMany([1, 2, 3, '<script>'])
  await orders.add(4, { delay: '1d' })
  await keyed.add(1, { key: 'a' })
  await log.add({ text: '\u202e' })
  await orders.schedule('nightly', { cron: '0 0 1 1 *', payload: {} })
  const rules = [{ name: 'minute', limit: 5, window: '1d' }] as const
  const api = createRateLimiter(space, 'api', { rules })
  createRateLimiter(space, 'tenants', { rules: [{ ...rules[0], per: 'tenant' }] })
  await api.block('eve', { duration: 'forever', reason: 'fraud' })
  const points = createLeaderboard(space, 'points', {
    windows: { all: 'all-time', day: { calendar: 'day' } },
  })
  await points.increment('ann', 5)
  const main = createNotifier(space, 'main')
  await main.publish('room', { text: 'hi' })
  const jobs = createLock(space, 'jobs', { lease: '1h' })
  await jobs.acquire('nightly')
  const worker = orders.worker('billing', () => Promise.reject(new Error('no stock 5')), { maxAttempts: 1 })
  worker.on(() => {})
  while ((await orders.stats({ over: 0 })).groups[0]?.dead !== 4) await new Promise(setImmediate)
  await worker.close()
  await orders.addMany([5, 6])
  await space.runtime.registered()
}

/** The keys with a hash of their content, and whether they expire. */
type State = ReadonlyMap<string, { readonly hash: string; readonly expires: boolean }>

/**
 * What is stored. Without the audit, the lists for tools, the times at which a stream was watched, and the checks of schedules: they are not changed
 * by actions.
 */
async function stateOf(raw: Redis): Promise<State> {
  const state = new Map<string, { hash: string; expires: boolean }>()
  for (const key of await raw.keys('*')) {
    if (/penknife-dashboard|:(spaces|registry)|watch|schedule/.test(key)) continue
    const hash = createHash('sha256').update((await raw.dumpBuffer(key)) ?? '')
    state.set(key, { hash: hash.digest('hex'), expires: (await raw.pttl(key)) !== -1 })
  }
  return state
}

/** The keys that were changed, except those that expired. */
function changedBetween(before: State, after: State): readonly string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter((key) => {
    const [was, is] = [before.get(key), after.get(key)]
    return is === undefined ? was?.expires === false : is.hash !== was?.hash
  })
}

interface Played {
  readonly status: number
  readonly text: string
}

function play(port: number, agent: Agent, { method, path, headers, body }: DashboardInput): Promise<Played> {
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
  return new Promise((resolve, reject) => {
    const request = send(
      {
        host: '127.0.0.1',
        port,
        agent,
        method,
        path: `/penknife${path}`,
        headers: { ...headers, ...length },
      },
      (response) => {
        let text = ''
        const done = (): void => resolve({ status: response.statusCode ?? 0, text })
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
          // A live page has no end of its own.
          if (response.headers['content-type'] === 'text/event-stream') request.destroy()
        })
        response.on('end', done).on('close', done)
      },
    )
    request.setTimeout(LIVE_MS * 6, () => request.destroy(new Error('no answer')))
    request.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? resolve({ status: 0, text: '' }) : reject(error),
    )
    request.end(body)
  })
}

function check({ status, text }: Played, input: DashboardInput, which: string, findings: Findings): void {
  const asked = (): string =>
    `${which}: ${input.method} ${input.path.slice(0, 200)} ${JSON.stringify(input.headers)} ${input.body?.slice(0, 200)} -> ${status} ${text.slice(0, 200)}`
  if (status >= 500) findings.add(`a response with the status ${status}`, asked())
  if (!input.mayRead && (status !== 404 || (text !== 'Not Found' && text !== 'passed' && text !== '')))
    findings.add('a user without a role got something else than 404', asked())
  if (!input.mayAct && input.method === 'POST' && status === 200)
    findings.add('an action succeeded without the role', asked())
  if (text.includes('secret of authorize')) findings.add('an error of authorize leaked', asked())
}
