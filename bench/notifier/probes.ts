import { setTimeout as delay } from 'node:timers/promises'

import type { Probe, ProbeOptions, Row } from '../harness/bench.ts'
import { median, percentile } from '../harness/statistics.ts'
import { nameOf, openStage, SIDES, type Stage } from './stage.ts'
import type { Side } from './task.ts'

type Figures = Readonly<Record<string, number>>

/** Measures every side in each round, one after the other; medians, and how many times less than the peer. */
async function interleaved(
  name: string,
  { rounds, log }: ProbeOptions,
  measure: (side: Side) => Promise<Figures>,
): Promise<readonly Row[]> {
  const found = new Map<Side, Figures[]>(SIDES.map((side) => [side, []]))
  for (let round = 1; round <= rounds; round++) {
    for (const side of SIDES) {
      log(`${name}: ${nameOf(side)}, round ${round} of ${rounds}`)
      found.get(side)?.push(await measure(side))
    }
  }
  return SIDES.map((side) => {
    const figures = found.get(side) as Figures[]
    const keys = Object.keys(figures[0] as Figures)
    return {
      name: nameOf(side),
      setup: 'default',
      ...Object.fromEntries(
        keys.map((key) => [key, threeDigits(median(figures.map((each) => each[key] as number)))]),
      ),
    }
  })
}

function threeDigits(value: number): number {
  return Number(value.toPrecision(3))
}

async function onStage(
  url: string,
  side: Side,
  connections: number,
  channels: number,
  use: (stage: Stage) => Promise<Figures>,
): Promise<Figures> {
  const stage = await openStage({ url, side, connections, channels })
  try {
    return await use(stage)
  } finally {
    await stage.close()
  }
}

/** The program of a stage with and without stalled clients, one after the other. */
async function stalling(url: string, side: Side, quick: boolean): Promise<Figures> {
  const found: (Figures & { readonly held: number; readonly rss: number })[] = []
  for (const stalled of [0, STALLED]) {
    const stage = await openStage({ url, side, connections: 50, channels: 1, stalled })
    try {
      // More than the system takes in for them; no faster than the others take it, or these lose some to the history's bound.
      const text = 'x'.repeat(8192)
      for (let at = 0; at < 2000; at += 20) {
        const { done } = await stage.count(50 * 20)
        await Promise.all(Array.from({ length: 20 }, () => stage.publish(0, text)))
        await done
      }
      const figures = await steady(stage, 50, quick ? 50 : 250, STEADY_MS, text)
      const { held, rss } = await stage.server()
      found.push({ ...figures, held, rss })
    } finally {
      await stage.close()
    }
  }
  const [without, beside] = found as [(typeof found)[0], (typeof found)[0]]
  const mb = (bytes: number): number => bytes / 1024 / 1024
  return {
    'p50 ms without': without['p50 ms'] as number,
    'p50 ms beside them': beside['p50 ms'] as number,
    'p99 ms without': without['p99 ms'] as number,
    'p99 ms beside them': beside['p99 ms'] as number,
    'MB held': mb(beside.held - without.held),
    'MB RSS': mb(beside.rss - without.rss),
  }
}

/** Events published as fast as Redis takes them. */
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
    'deliveries/s': (deliveries / ms) * 1000,
    'server CPU us/delivery': (after.cpuUs - before.cpuUs) / deliveries,
  }
}

/** Events at a fixed rate, whatever becomes of them, so that each comes in a turn of its own. */
async function steady(
  stage: Stage,
  connections: number,
  events: number,
  everyMs: number,
  text?: string,
): Promise<Figures> {
  const before = await stage.server()
  const { done } = await stage.count(events * connections)
  const started = performance.now()
  const published: Promise<unknown>[] = []
  for (let at = 0; at < events; at++) {
    await delay(Math.max(0, started + at * everyMs - performance.now()))
    published.push(stage.publish(0, text))
  }
  const seconds = (performance.now() - started) / 1000
  await Promise.all(published)
  const { latencies } = await done
  const after = await stage.server()
  const sorted = Float64Array.from(latencies).toSorted()
  return {
    'events/s': events / seconds,
    'server CPU us/delivery': (after.cpuUs - before.cpuUs) / (events * connections),
    'p50 ms': percentile(sorted, 0.5),
    'p99 ms': percentile(sorted, 0.99),
  }
}

function fanout(connections: number, channels: number, events: number): Probe {
  const where = channels === 1 ? 'one channel' : `${channels} channels`
  return {
    name: 'notifier.fanout',
    about: `a burst of ${events} events to ${connections} clients of ${where}`,
    run: (url, options) =>
      interleaved('notifier.fanout', options, (side) =>
        onStage(url, side, connections, channels, (stage) =>
          burst(stage, connections, channels, options.quick ? events / 5 : events),
        ),
      ),
  }
}

function reconnect(channels: number): Probe {
  const where = channels === 1 ? 'one channel' : `${channels} channels`
  return {
    name: 'notifier.reconnect',
    about: `10,000 clients of ${where} that come back at once to a restarted server, each with ${MISSED} events missed`,
    run: (url, options) =>
      interleaved('notifier.reconnect', options, (side) =>
        onStage(url, side, options.quick ? 1000 : 10_000, channels, async (stage) => {
          const { ms, cpuUs } = await stage.restart(MISSED)
          return {
            'seconds until all are back': ms / 1000,
            'events caught up with': side === 'penknife' ? MISSED : 0,
            'server CPU us/client': cpuUs / (options.quick ? 1000 : 10_000),
          }
        }),
      ),
  }
}

const STEADY_MS = 20
const STALLED = 10
const MISSED = 20

export const probes: readonly Probe[] = [
  fanout(1000, 1, 500),
  fanout(10_000, 1, 50),
  fanout(10_000, 1000, 50_000),
  {
    name: 'notifier.steady',
    about: `an event every ${STEADY_MS} ms to 1000 clients of one channel, from publish to socket`,
    run: (url, options) =>
      interleaved('notifier.steady', options, (side) =>
        onStage(url, side, 1000, 1, (stage) => steady(stage, 1000, options.quick ? 50 : 250, STEADY_MS)),
      ),
  },
  reconnect(1),
  reconnect(1000),
  {
    name: 'notifier.stalled',
    about: `8 KB every ${STEADY_MS} ms to 50 clients, without and beside ${STALLED} that take nothing; what those cost together`,
    run: (url, options) =>
      interleaved('notifier.stalled', options, (side) => stalling(url, side, options.quick)),
  },
  {
    name: 'notifier.rss',
    about: '10,000 idle clients of one channel',
    run: (url, options) =>
      interleaved('notifier.rss', options, (side) =>
        onStage(url, side, 10_000, 1, async (stage) => ({
          'KB a connection': (await stage.server()).rss / 10_000 / 1024,
        })),
      ),
  },
]
