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

/** An event at a time, so that each comes in a turn of its own. */
async function steady(stage: Stage, connections: number, events: number, everyMs: number): Promise<Figures> {
  const before = await stage.server()
  const { done } = await stage.count(events * connections)
  const started = performance.now()
  for (let at = 0; at < events; at++) {
    await stage.publish(0)
    await delay(Math.max(0, started + (at + 1) * everyMs - performance.now()))
  }
  const { latencies } = await done
  const after = await stage.server()
  const sorted = Float64Array.from(latencies).toSorted()
  return {
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

const STEADY_MS = 20

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
