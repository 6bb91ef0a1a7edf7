import { setTimeout as delay } from 'node:timers/promises'

import type { Figure, Probe, ProbeOptions, Series } from '../harness/bench.ts'
import { percentile } from '../harness/statistics.ts'
import { nameOf, openStage, type Player, playersOf, socketPlayersOf, type Stage } from './stage.ts'

type Figures = Readonly<Record<string, number>>

const CPU: Figure = { id: 'cpuUs', heading: 'server us/delivery', better: 'less' }
const DELAYS: readonly Figure[] = [
  { id: 'p50Ms', heading: 'p50 ms', better: 'less' },
  { id: 'p99Ms', heading: 'p99 ms', better: 'less' },
]

/** Measures every contender in each round, one after the other. */
async function interleaved(
  name: string,
  { rounds, libraries, log }: ProbeOptions,
  measure: (player: Player) => Promise<Figures>,
  contenders: typeof playersOf = playersOf,
): Promise<readonly Series[]> {
  const players = contenders(libraries)
  const found = players.map(() => [] as Figures[])
  for (let round = 1; round <= rounds; round++) {
    for (const [at, player] of players.entries()) {
      log(`${name}: ${nameOf(player)}, round ${round} of ${rounds}`)
      found[at]?.push(await measure(player))
    }
  }
  return players.map((player, at) => {
    const samples = found[at] as Figures[]
    return {
      name: nameOf(player),
      setup: 'default',
      ours: at === 0,
      values: Object.fromEntries(
        Object.keys(samples[0] as Figures).map((id) => [id, samples.map((sample) => sample[id] as number)]),
      ),
    }
  })
}

async function onStage(
  url: string,
  player: Player,
  connections: number,
  channels: number,
  use: (stage: Stage) => Promise<Figures>,
): Promise<Figures> {
  const stage = await openStage({ url, player, connections, channels })
  try {
    return await use(stage)
  } finally {
    await stage.close()
  }
}

/** Runs a contender with and without stalled clients, one after the other. */
async function stalling(url: string, player: Player, quick: boolean): Promise<Figures> {
  const found: (Figures & { readonly retained: number; readonly rss: number })[] = []
  for (const stalled of [0, STALLED]) {
    const stage = await openStage({ url, player, connections: 50, channels: 1, stalled })
    try {
      // More than the system buffers for a stalled client. Not faster than the other clients read, or the bounded
      // history would drop some of their events.
      const text = 'x'.repeat(8192)
      for (let at = 0; at < 2000; at += 20) {
        const { done } = await stage.count(50 * 20)
        await Promise.all(Array.from({ length: 20 }, () => stage.publish(0, text)))
        await done
      }
      const figures = await steady(stage, 50, quick ? 50 : 250, STEADY_MS, text)
      const { retained, rss } = await stage.server()
      found.push({ ...figures, retained, rss })
    } finally {
      await stage.close()
    }
  }
  const [without, beside] = found as [(typeof found)[0], (typeof found)[0]]
  const mb = (bytes: number): number => bytes / 1024 / 1024
  return {
    heapMb: mb(beside.retained - without.retained),
    rssMb: mb(beside.rss - without.rss),
    p50Ms: beside['p50Ms'] as number,
    p99Ms: beside['p99Ms'] as number,
    p50WithoutMs: without['p50Ms'] as number,
    p99WithoutMs: without['p99Ms'] as number,
  }
}

/** Events published as fast as Redis accepts them. */
async function burst(stage: Stage, connections: number, channels: number, events: number): Promise<Figures> {
  const before = await stage.server()
  const deliveries = (events * connections) / channels
  const { done } = await stage.count(deliveries)
  const started = performance.now()
  await Promise.all(Array.from({ length: events }, (_, at) => stage.publish(at % channels)))
  await done
  const ms = performance.now() - started
  const after = await stage.server()
  return {
    deliveriesPerSecond: (deliveries / ms) * 1000,
    cpuUs: (after.cpuUs - before.cpuUs) / deliveries,
  }
}

/** Events at a fixed rate, so that each arrives in a tick of its own. */
async function steady(
  stage: Stage,
  connections: number,
  events: number,
  everyMs: number,
  text?: string,
  atOnce: number = 1,
): Promise<Figures> {
  const before = await stage.server()
  const { done } = await stage.count(events * connections * atOnce)
  const started = performance.now()
  const published: Promise<unknown>[] = []
  for (let at = 0; at < events; at++) {
    await delay(Math.max(0, started + at * everyMs - performance.now()))
    for (let each = 0; each < atOnce; each++) published.push(stage.publish(0, text))
  }
  const seconds = (performance.now() - started) / 1000
  await Promise.all(published)
  const { latencies } = await done
  const after = await stage.server()
  const sorted = Float64Array.from(latencies).toSorted()
  return {
    cpuUs: (after.cpuUs - before.cpuUs) / (events * connections * atOnce),
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    eventsPerSecond: (events * atOnce) / seconds,
  }
}

function fanout(name: string, connections: number, channels: number, events: number): Probe {
  const where = channels === 1 ? 'one channel' : `${channels} channels`
  return {
    name,
    about: `a burst of ${events} events to ${connections} clients of ${where}`,
    figures: [{ id: 'deliveriesPerSecond', heading: 'deliveries/s', better: 'more' }, CPU],
    run: (url, options) =>
      interleaved(name, options, (player) =>
        onStage(url, player, connections, channels, (stage) =>
          burst(stage, connections, channels, options.quick ? events / 5 : events),
        ),
      ),
  }
}

/** Events that arrive together, at 1,000 WebSockets. So rarely that the next ones do not come in the same tick. */
function sockets(name: string, atOnce: 1 | 5 | 50): Probe {
  const everyMs = atOnce > 10 ? 100 : 50
  const what = atOnce === 1 ? 'an event' : `${atOnce} events at once`
  return {
    name,
    about: `${what} every ${everyMs} ms to 1000 WebSockets of one channel, from publish to socket`,
    figures: [CPU, ...DELAYS, { id: 'eventsPerSecond', heading: 'events/s' }],
    run: (url, options) =>
      interleaved(
        name,
        options,
        (player) =>
          onStage(url, player, 1000, 1, (stage) =>
            steady(stage, 1000, options.quick ? 10 : TURNS[atOnce], everyMs, undefined, atOnce),
          ),
        socketPlayersOf,
      ),
  }
}

function reconnect(name: string, channels: number): Probe {
  const where = channels === 1 ? 'one channel' : `${channels} channels`
  return {
    name,
    about: `10,000 clients of ${where} that come back at once to a restarted server, each with ${MISSED} events missed; the others catch up with nothing`,
    figures: [
      { id: 'seconds', heading: 'seconds until all are back', better: 'less' },
      { ...CPU, heading: 'server us/client' },
      { id: 'caughtUp', heading: 'events caught up with' },
    ],
    run: (url, options) =>
      interleaved(name, options, (player) =>
        onStage(url, player, options.quick ? 1000 : 10_000, channels, async (stage) => {
          const { ms, cpuUs } = await stage.restart(MISSED)
          return {
            seconds: ms / 1000,
            cpuUs: cpuUs / (options.quick ? 1000 : 10_000),
            caughtUp: player.side === 'penknife' ? MISSED : 0,
          }
        }),
      ),
  }
}

const STEADY_MS = 20
/** How often a number of events is published together. */
const TURNS = { 1: 100, 5: 60, 50: 20 } as const
const STALLED = 10
const MISSED = 20

export const probes: readonly Probe[] = [
  fanout('notifier.fanout.1000', 1000, 1, 500),
  fanout('notifier.fanout.10000', 10_000, 1, 50),
  fanout('notifier.fanout.channels', 10_000, 1000, 50_000),
  {
    name: 'notifier.steady',
    about: `an event every ${STEADY_MS} ms to 1000 clients of one channel, from publish to socket`,
    figures: [CPU, ...DELAYS, { id: 'eventsPerSecond', heading: 'events/s' }],
    run: (url, options) =>
      interleaved('notifier.steady', options, (player) =>
        onStage(url, player, 1000, 1, (stage) => steady(stage, 1000, options.quick ? 50 : 250, STEADY_MS)),
      ),
  },
  reconnect('notifier.reconnect.channel', 1),
  reconnect('notifier.reconnect.channels', 1000),
  {
    name: 'notifier.stalled',
    about: `8 KB every ${STEADY_MS} ms to 50 clients, without and beside ${STALLED} that take nothing; what those cost together`,
    figures: [
      { id: 'heapMb', heading: 'MB of heap and buffers', better: 'less' },
      { id: 'rssMb', heading: 'MB RSS', better: 'less' },
      ...DELAYS,
      { id: 'p50WithoutMs', heading: 'p50 ms without', better: 'less' },
      { id: 'p99WithoutMs', heading: 'p99 ms without', better: 'less' },
    ],
    run: (url, options) =>
      interleaved('notifier.stalled', options, (player) => stalling(url, player, options.quick)),
  },
  {
    name: 'notifier.rss',
    about: '10,000 idle clients of one channel',
    figures: [{ id: 'connectionKb', heading: 'KB a connection', better: 'less' }],
    run: (url, options) =>
      interleaved('notifier.rss', options, (player) =>
        onStage(url, player, 10_000, 1, async (stage) => ({
          connectionKb: (await stage.server()).rss / 10_000 / 1024,
        })),
      ),
  },
  sockets('notifier.ws1', 1),
  sockets('notifier.wsBurst.5', 5),
  sockets('notifier.wsBurst.50', 50),
  {
    name: 'notifier.ws.rss',
    about: '10,000 idle WebSockets of one channel',
    figures: [{ id: 'connectionKb', heading: 'KB a connection', better: 'less' }],
    run: (url, options) =>
      interleaved(
        'notifier.ws.rss',
        options,
        (player) =>
          onStage(url, player, options.quick ? 2000 : 10_000, 1, async (stage) => ({
            connectionKb: (await stage.server()).rss / (options.quick ? 2000 : 10_000) / 1024,
          })),
        socketPlayersOf,
      ),
  },
]
