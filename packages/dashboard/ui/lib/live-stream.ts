import { useEffect, useState } from 'preact/hooks'

import type { LiveStream, StreamAnswer } from '../../src/api-types.ts'
import { followEvents } from './events.ts'
import { useLive } from './live.ts'

export interface StreamPoint {
  readonly atMs: number
  readonly waiting: number
  readonly running: number
  readonly dead: number
  readonly addedPerSecond: number
  readonly finishedPerSecond: number
}

export interface FollowedStream {
  readonly key: string
  readonly state: LiveStream | undefined
  /** The newest last. */
  readonly points: readonly StreamPoint[]
  /** The newest first. */
  readonly events: readonly NumberedEvent[]
  /** Since the state before; missing at the first one. */
  readonly rates: StreamRates | undefined
}

export interface StreamRates {
  readonly addedPerSecond: number
  /** By group. */
  readonly finishedPerSecond: ReadonlyMap<string, number>
}

export interface NumberedEvent {
  readonly number: number
  readonly event: LiveStream['events'][number]
}

const MOST_POINTS = 300
const MOST_EVENTS = 100

/** Follows one stream while the tab is visible. */
export function useLiveStream(space: string, stream: string): FollowedStream {
  const { visible } = useLive()
  const key = JSON.stringify([space, stream])
  const nothing: FollowedStream = { key, state: undefined, points: [], events: [], rates: undefined }
  const [followed, setFollowed] = useState(nothing)
  useEffect(() => {
    if (!visible) return undefined
    const onState = (data: unknown): void =>
      setFollowed((before) => withState(before.key === key ? before : nothing, data as LiveStream))
    return followEvents('live-stream', { space, stream }, { on: { state: onState }, onState: () => {} })
  }, [key, visible])
  return followed.key === key ? followed : nothing
}

function withState(
  { key, points, events, state: before }: FollowedStream,
  state: LiveStream,
): FollowedStream {
  const last = events[0]?.number ?? 0
  const numbered = state.events.map((event, at) => ({ number: last + at + 1, event })).toReversed()
  const { answer } = state
  const rates = before && ratesOf(before, state)
  return {
    key,
    state,
    rates,
    // The first reading has no rates, and would draw them as 0.
    points: answer && rates ? [...points.slice(1 - MOST_POINTS), pointOf(state.atMs, answer, rates)] : points,
    events: [...numbered, ...events].slice(0, MOST_EVENTS),
  }
}

type Group = StreamAnswer['stream']['groups'][number]

const unfinished = ({ waiting, running, delayed, queued, dead }: Group): number =>
  waiting + running + delayed + queued + dead

/** A group finished the entries that were added, less the increase of those that it did not finish. */
function ratesOf(before: LiveStream, now: LiveStream): StreamRates | undefined {
  const added = now.answer?.stream.added
  const addedBefore = before.answer?.stream.added
  const seconds = (now.atMs - before.atMs) / 1000
  if (added === undefined || addedBefore === undefined || added < addedBefore || seconds <= 0)
    return undefined
  const finishedPerSecond = new Map<string, number>()
  for (const group of now.answer?.stream.groups ?? []) {
    const earlier = before.answer?.stream.groups.find(({ name }) => name === group.name)
    if (!earlier) continue
    const finished = added - addedBefore - (unfinished(group) - unfinished(earlier))
    finishedPerSecond.set(group.name, Math.max(0, finished) / seconds)
  }
  return { addedPerSecond: (added - addedBefore) / seconds, finishedPerSecond }
}

function pointOf(atMs: number, { stream }: StreamAnswer, rates: StreamRates): StreamPoint {
  const sum = (of: (group: Group) => number): number =>
    stream.groups.reduce((all, group) => all + of(group), 0)
  return {
    atMs,
    waiting: sum(({ waiting, queued }) => waiting + queued),
    running: sum(({ running }) => running),
    dead: sum(({ dead }) => dead),
    addedPerSecond: rates.addedPerSecond,
    finishedPerSecond: finishedOf(rates),
  }
}

/** Of all groups. */
export function finishedOf(rates: StreamRates): number {
  return [...rates.finishedPerSecond.values()].reduce((all, one) => all + one, 0)
}
