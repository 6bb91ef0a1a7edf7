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
  /** By the clock of `performance.now()`. */
  readonly atMs: number
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
  const nothing: FollowedStream = { key, state: undefined, points: [], events: [], atMs: 0 }
  const [followed, setFollowed] = useState(nothing)
  useEffect(() => {
    if (!visible) return undefined
    const onState = (data: unknown): void =>
      setFollowed((before) => withState(before.key === key ? before : nothing, data as LiveStream))
    return followEvents('live-stream', { space, stream }, { on: { state: onState }, onState: () => {} })
  }, [key, visible])
  return followed.key === key ? followed : nothing
}

function withState({ key, points, events }: FollowedStream, state: LiveStream): FollowedStream {
  const last = events[0]?.number ?? 0
  const numbered = state.events.map((event, at) => ({ number: last + at + 1, event })).toReversed()
  const { answer } = state
  return {
    key,
    state,
    atMs: performance.now(),
    // Without rates they would be drawn as 0.
    points:
      answer && answer.overMs > 0 ? [...points.slice(1 - MOST_POINTS), pointOf(state.atMs, answer)] : points,
    events: [...numbered, ...events].slice(0, MOST_EVENTS),
  }
}

type Group = StreamAnswer['stream']['groups'][number]

function pointOf(atMs: number, answer: StreamAnswer): StreamPoint {
  const sum = (of: (group: Group) => number): number =>
    answer.stream.groups.reduce((all, group) => all + of(group), 0)
  return {
    atMs,
    waiting: sum(({ waiting, queued }) => waiting + queued),
    running: sum(({ running }) => running),
    dead: sum(({ dead }) => dead),
    addedPerSecond: answer.addedPerSecond,
    finishedPerSecond: finishedOf(answer),
  }
}

/** Of all groups. */
export function finishedOf({ groups }: StreamAnswer): number {
  return groups.reduce((all, { finishedPerSecond }) => all + finishedPerSecond, 0)
}

/** The answer that is newer: one that was read, as after an action, or the one that is followed, which has the rates. */
export function newest(
  read: StreamAnswer | undefined,
  readAtMs: number,
  { state, atMs }: FollowedStream,
): StreamAnswer | undefined {
  const followed = state?.answer
  if (read === undefined || followed === undefined) return followed ?? read
  if (atMs >= readAtMs) return followed
  return { ...followed, stream: read.stream }
}
