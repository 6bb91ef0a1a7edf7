import type { Space } from '../redis/penknife.ts'
import { type Behind, createLocator, type Hindrances, type Located } from '../stream/locate.ts'
import { LOW_SHARE } from '../stream/low-entries.ts'
import type { StreamOptions } from '../stream/option-types.ts'
import { createScope } from '../stream/scope.ts'
import { streamSettings } from '../stream/settings.ts'
import type { InspectedEntry } from './explain-types.ts'
import { spanText } from './spans.ts'

type Answer = Pick<InspectedEntry, 'reason' | 'text' | 'changesInMs'> &
  Partial<Pick<InspectedEntry, 'consumer' | 'behind'>>

/**
 * Finds an entry of a work queue with one group, and what keeps it from running, in one script call; one more for every 2,000 delayed
 * entries until it is found.
 */
export async function explainEntry(
  space: Space,
  name: string,
  options: StreamOptions,
  id: string,
): Promise<InspectedEntry> {
  const scope = createScope(space, name, streamSettings(options))
  const group = scope.onlyGroup('explain')
  const found = await createLocator(scope).why(id)
  const answer = answerOf(found)
  return {
    space: space.name,
    stream: name,
    group,
    id,
    state: found.state,
    attempts: found.attempts,
    consumer: undefined,
    behind: undefined,
    workers: found.workers,
    json: found.json,
    ...answer,
  }
}

function answerOf(found: Located & Hindrances): Answer {
  const { state, consumer, idleMs = 0, nowMs, runningSinceMs = nowMs } = found
  switch (state) {
    case 'running':
      return {
        reason: 'running',
        text: `Worker ${consumer ?? 'unknown'} has had it for ${spanText(Math.max(0, nowMs - runningSinceMs))}. Its lease was renewed ${spanText(idleMs)} ago.`,
        changesInMs: undefined,
        consumer,
      }
    case 'done':
    case 'cancelled':
    case 'gone':
      return { reason: 'ended', text: ENDED[state], changesInMs: Infinity }
    case 'dead':
      return {
        reason: 'dead',
        text: `It is a dead letter after ${found.attempts} attempts. Requeue it to run it again.`,
        changesInMs: Infinity,
      }
    case 'delayed':
    case 'retrying': {
      const ms = Math.max(0, (found.dueMs ?? nowMs) - nowMs)
      const why = state === 'delayed' ? 'It was added with a delay' : `Attempt ${found.attempts} failed`
      return later(found, { reason: 'time', text: `${why}: it is due in ${spanText(ms)}.`, changesInMs: ms })
    }
    case 'queued':
      return behindText(found.behind, nowMs)
    default:
      return waiting(found)
  }
}

const ENDED = {
  done: 'It was handled.',
  cancelled: 'It was cancelled.',
  gone: 'It is in no place of its group: it was handled, cancelled or purged, or it never existed.',
} as const

/** A pause and missing workers also hold up an entry that waits for its time. */
function later({ pausedMs, workers }: Hindrances, answer: Answer): Answer {
  const more =
    pausedMs !== undefined ? ' Its group is paused.' : workers === 0 ? ' Its group has no worker.' : ''
  return { ...answer, text: answer.text + more }
}

function waiting({ pausedMs, workers, consumers, low }: Hindrances): Answer {
  if (pausedMs !== undefined) {
    const end = pausedMs === Infinity ? 'until somebody resumes it' : `for another ${spanText(pausedMs)}`
    return { reason: 'paused', text: `Its group is paused ${end}.`, changesInMs: pausedMs }
  }
  if (workers === 0) {
    const dead = consumers > 0 ? ` ${consumers} were there before.` : ''
    return {
      reason: 'no-worker',
      text: `No worker of its group sent a command within 30 s.${dead} Start a worker.`,
      changesInMs: Infinity,
    }
  }
  if (low) {
    return {
      reason: 'priority',
      text: `It has low priority, and other entries wait: of the entries that workers fetch then, about one in ${LOW_SHARE} is a low one. Reschedule it to now to run it first.`,
      changesInMs: undefined,
    }
  }
  return {
    reason: 'turn',
    text: `It may run now. ${workers} workers are alive: they are busy, wait for their limit, or take it next.`,
    changesInMs: undefined,
  }
}

function behindText(behind: Behind | undefined, nowMs: number): Answer {
  if (behind === undefined)
    return { reason: 'key', text: 'It waits for an earlier entry of its key.', changesInMs: undefined }
  const { id, state, consumer, dueMs } = behind
  if (state === 'dead') {
    return {
      reason: 'stopped-key',
      text: `The dead letter of entry ${id} stops its key. Requeue or purge that one.`,
      changesInMs: Infinity,
      behind: id,
    }
  }
  const how =
    state === 'running'
      ? `worker ${consumer ?? 'unknown'} has it`
      : state === 'delayed'
        ? `it is due in ${spanText(Math.max(0, (dueMs ?? nowMs) - nowMs))}`
        : 'it waits for a worker'
  return {
    reason: 'key',
    text: `Entry ${id} of the same key is first, and ${how}.`,
    changesInMs: undefined,
    behind: id,
    consumer,
  }
}
