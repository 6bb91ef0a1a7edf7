import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { freePort } from '../../scripts/redis/ports.ts'
import { startProxy } from '../../scripts/redis/proxy.ts'
import { send } from '../../scripts/redis/resp.ts'
import { type Break, bundle, type Program } from '../harness/bundle.ts'
import { createCast, type FaultRecord } from '../harness/cast.ts'
import { findingsOf } from '../harness/claims.ts'
import {
  networkFaults,
  oneAtATime,
  processFaults,
  redisFaults,
  type Scene,
} from '../harness/common-faults.ts'
import { type Fault, startStriking } from '../harness/faults.ts'
import { openJournal, readJournals } from '../harness/journal.ts'
import { createRandom } from '../harness/random.ts'
import type { Sabotage } from '../harness/sabotage.ts'
import { createArchive } from './archive.ts'
import { createArrivals } from './arrivals.ts'
import { check, type Verdict } from './check.ts'
import { CLIENTS, type ClientKind, type Start, startClients } from './clients.ts'
import { CROWD_PROGRAMS, startCrowd } from './crowd.ts'
import { notifierFaults } from './faults.ts'
import { startPair } from './pair.ts'
import { CHANNELS, keyOf, type ServerConfig } from './plan.ts'
import type { ArchiveRecord, HallRecord, Record } from './records.ts'

export interface ChaosOptions {
  readonly seed: number
  /** How long faults are injected. Longer on a slow machine, until each was injected once. */
  readonly seconds: number
  /**
   * Fewer processes, for a short run: one server for each version of HTTP, one publisher, and one process for each kind of
   * client. Default: false.
   */
  readonly small?: boolean
  /** Only these kinds of clients. Default: all. */
  readonly clients?: readonly ClientKind[]
  /** Events a second of all publishers together. Default: 120. */
  readonly perSecond?: number
  /** Time between two faults. */
  readonly betweenMs?: readonly [number, number]
  /** How long a client may take to reach the end of its channels. Default: 20 s. */
  readonly arrivalMs?: number
  /** Only these faults. Default: all. */
  readonly faults?: readonly string[]
  /** The path of a Chromium. Its pages are clients too. */
  readonly chromium?: string | undefined
  /** Changes to the code that the processes run, to prove that the checker finds their effects. */
  readonly sabotage?: readonly Sabotage[]
  readonly breaks?: readonly Break[]
  /** Keeps the journals when a claim is broken, and logs their folder. Default: false. */
  readonly keepJournals?: boolean
  readonly log?: (line: string) => void
}

export interface ChaosResult extends Verdict {
  readonly faults: Readonly<{ [fault: string]: number }>
  readonly seconds: number
  readonly lives: number
  /** Milliseconds from the last event until the last client had it. */
  readonly arrivedMs: number
}

/**
 * How long a client may take to reach the end of its channels after the last fault. A silent connection to Redis is
 * probed every 10 s and closed 5 s later, and positions are compared every 10 s.
 */
const ARRIVAL_MS = 20_000

const WARM_UP_MS = 60_000

const KINDS = ['express', 'koa', 'http', 'http2'] as const
const FEW_KINDS = ['koa', 'http2'] as const

const all = CHANNELS.map(({ name }) => name)

/**
 * Real processes publish, serve and follow events, on a master and its replica that write each command to disk before
 * they reply, under random faults. Then all clients catch up, and their records are checked against the histories.
 */
export async function runNotifierChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { seed, seconds, perSecond = 120, betweenMs = [100, 400], sabotage = [], breaks = [] } = options
  const {
    small = false,
    clients: kindsOfClients = CLIENTS,
    chromium,
    arrivalMs = ARRIVAL_MS,
    log = () => {},
  } = options
  const started = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'penknife-chaos-'))
  const journal = openJournal<FaultRecord>(folder, 'faults')
  const kept = openJournal<ArchiveRecord>(folder, 'archive')
  const halls = openJournal<HallRecord>(folder, 'halls')
  const cast = createCast(folder, journal)
  const pair = await startPair()
  const archive = createArchive(kept, pair.master.socket)
  const kinds: readonly ServerConfig['kind'][] = small ? FEW_KINDS : KINDS
  const ports: number[] = []
  for (const _ of kinds) ports.push(await freePort(false))
  const random = createRandom(seed)
  // In front of the HTTP/1.1 servers: each connection goes to a random one.
  const anyOf = (from: readonly number[]): { host: string; readonly port: number } => ({
    host: '127.0.0.1',
    get port() {
      return from[Math.floor(Math.random() * from.length)] as number
    },
  })
  const web = await startProxy(anyOf(ports.slice(0, -1)))
  // Only for clients that notice silence themselves, which an EventSource does not.
  const rough = await startProxy(anyOf(ports.slice(0, -1)))
  const rough2 = await startProxy(anyOf(ports.slice(-1)))
  const archiving = new AbortController()
  let leave = false
  try {
    const programs: readonly Program[] = [
      'notifier/publisher',
      'notifier/server',
      ...kindsOfClients.flatMap((kind) =>
        kind === 'crowd' ? CROWD_PROGRAMS : [`notifier/${kind}` as const],
      ),
      ...(chromium ? ['notifier/chromium' as const] : []),
    ]
    const pathOf = await bundle(programs, folder, breaks)
    const start: Start = (name, program, config) =>
      cast.start(name, pathOf(program), { seed, sabotage, url: pair.front.url, ...config })

    const noting = (async () => {
      for (; !archiving.signal.aborted; await delay(40)) await archive.poll()
    })()
    const servers = kinds.map((kind, at) =>
      start(`server-${kind}`, 'notifier/server', { kind, port: ports[at] as number }),
    )
    const clients = startClients(start, kindsOfClients, {
      small,
      chromium,
      web: web.port,
      rough: rough.port,
      rough2: rough2.port,
    })
    const publishers = (small ? [0] : [0, 1, 2]).map((p, _, { length }) =>
      start(`publisher-${p + 1}`, 'notifier/publisher', { p, perSecond: perSecond / length }),
    )

    const crowd = kindsOfClients.includes('crowd') ? startCrowd(start, folder, rough.port, halls) : undefined

    const scene: Scene = {
      get redis() {
        return pair.master
      },
      proxy: pair.front,
      random,
      journal,
      alone: oneAtATime(),
    }
    const network = { random, journal }
    const faults: Fault[] = [
      ...processFaults(() => servers, scene, [500, 3000], 'server '),
      ...processFaults(() => [...clients, ...(crowd ? [crowd.watcher] : [])], scene, [500, 2500], 'client '),
      // Some longer than the lease of a guest.
      ...processFaults(() => crowd?.guests ?? [], scene, [500, 5000], 'guest '),
      ...redisFaults(scene, [0, 1000]),
      ...networkFaults(scene, 'Redis '),
      ...networkFaults({ ...network, proxy: rough }, 'client '),
      ...networkFaults({ ...network, proxy: rough2 }, 'HTTP/2 '),
      ...networkFaults({ ...network, proxy: web }, 'EventSource ').filter(({ name }) => name.endsWith('cut')),
      ...notifierFaults(scene, pair, archive),
    ].filter(({ name }) => options.faults?.includes(name) ?? true)
    // From here on every client has a position to resume from, and must reach the end.
    const arrivals = createArrivals(folder)
    await untilNone(
      () => [
        ...arrivals.nowhere(clients.length),
        ...((crowd?.begun() ?? true) ? [] : ['the views and lists']),
      ],
      WARM_UP_MS,
      'clients that never began',
    )
    const strikes = startStriking(faults, random, betweenMs)
    await delay(seconds * 1000)
    await strikes.untilEach(20_000)
    log('the faults stop')
    await strikes.stop()
    const codes = await Promise.all(publishers.map((part) => part.end()))
    if (codes.some((code) => code !== 0)) throw new Error('a publisher failed')
    await crowd?.rest()
    const ended = performance.now()
    const ends = await endsOf(pair.master.socket)
    let left = arrivals.behind(ends)
    let behind = crowd?.behind() ?? []
    while (left.length + behind.length > 0 && performance.now() < ended + arrivalMs) {
      await delay(100)
      left = arrivals.behind(ends)
      behind = crowd?.behind() ?? []
    }
    const arrivedMs = performance.now() - ended
    log(`clients arrived after ${Math.round(arrivedMs)} ms`)
    archiving.abort()
    await noting
    await archive.read()
    await crowd?.keep(pair.master.socket)
    await crowd?.end()
    await Promise.all(clients.map((part) => part.end()))
    await Promise.all(servers.map((part) => part.end()))
    const journals = readJournals<Record>(folder)
    const verdict = check({ journals, left, behind })
    if (options.keepJournals && findingsOf(verdict.claims).length > 0) {
      leave = true
      log(`the journals are in ${folder}`)
    }
    return {
      ...verdict,
      faults: strikes.counts,
      arrivedMs,
      lives: journals.size - 3,
      seconds: (performance.now() - started) / 1000,
    }
  } catch (error) {
    leave = options.keepJournals === true
    if (leave) log(`the journals are in ${folder}`)
    throw error
  } finally {
    archiving.abort()
    await cast.end()
    journal.close()
    kept.close()
    halls.close()
    archive.close()
    await Promise.all([web.leave(), rough.leave(), rough2.leave()])
    await pair.stop()
    if (!leave) await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function untilNone(look: () => readonly string[], ms: number, what: string): Promise<void> {
  const end = performance.now() + ms
  for (let left = look(); left.length > 0; left = look()) {
    if (performance.now() > end) throw new Error(`${what}: ${left.join(', ')}`)
    await delay(100)
  }
}

/** The last id of each channel's history. */
async function endsOf(socket: string): Promise<ReadonlyMap<string, string>> {
  const ends = new Map<string, string>()
  for (const channel of all) {
    const reply = await send({ socket }, ['XREVRANGE', keyOf(channel), '+', '-', 'COUNT', '1'])
    ends.set(channel, (reply as [[string]])[0][0])
  }
  return ends
}
