import { connect, createStream, type Penknife, type Stream, type StreamOptions } from '@penknife/core'

import { sabotageScripts } from '../harness/sabotage.ts'
import { SPACE, STREAMS, type Life, type Payload, type StreamPlan } from './plan.ts'
import { pattern } from '../../scripts/redis/clients.ts'

export interface Opened {
  readonly penknife: Penknife
  readonly streams: ReadonlyMap<string, Stream<Payload>>
}

const DEADLINE_MS = 1000

/** The streams of the plan, in a process that gets its life as its first argument. */
export function openStreams(
  { url, sabotage }: Pick<Life, 'url' | 'sabotage'>,
  deadline: number = DEADLINE_MS,
): Opened {
  sabotageScripts(sabotage)
  const penknife = connect(pattern(url), { deadline })
  const space = penknife.space(SPACE)
  const open = (plan: StreamPlan): [string, Stream<Payload>] => [
    plan.name,
    createStream<Payload>(space, plan.name, keptBy(plan)),
  ]
  return { penknife, streams: new Map(STREAMS.map(open)) }
}

/** The options that make it a work queue, with or without order, or an event log. */
export function keptBy({
  groups,
  retain,
  ordered,
}: StreamPlan): Pick<StreamOptions, 'groups' | 'retain' | 'order'> {
  if (retain !== undefined) return { retain: { entries: retain } }
  return ordered ? { groups, order: 'key' } : { groups }
}
