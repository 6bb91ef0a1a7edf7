import { invalid } from '../errors.ts'
import { checkName, checkOptions, wholeNumber } from '../options.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import { streamRange } from '../redis/scripts.gen.ts'
import { createAdder } from './add.ts'
import { checkId, fieldOf, toEntries } from './entries.ts'
import { replay } from './replay.ts'
import { streamSettings, workerSettings } from './settings.ts'
import type { DeadLetter, DeathKind, Stream, StreamOptions } from './types.ts'
import { checkHandler, createWorker } from './worker.ts'

/**
 * Makes a stream: durable, ordered entries that any number of groups handle, each group every entry at least once.
 *
 * An entry that `add` confirmed is handled at least once by every declared group, in spite of crashed or stalled
 * workers and restarts of Redis, as far as Redis itself kept it. There are two uses of it:
 *
 * - A **work queue** has `groups` and no `retain`. An entry is deleted once every group finished it, so the stream holds what
 *   is to be done. A group that is declared later does not get what the others finished before. Every process names the same
 *   groups; a group that is there and that nobody serves any more keeps the entries.
 * - An **event log** has `retain`, or no groups. Entries stay after they were handled and can be read and replayed;
 *   any group may come at any time, by a worker that names it, and begins at the oldest entry or where it says. The oldest
 *   entries go by `retain` as further ones are added, never past what an existing group has not finished, unless the
 *   log is `lossy`. `groups` are those that exist from the first entry on.
 *
 * A failed entry waits in its group's retry path: other groups do not see it again, and it holds up no trimming.
 *
 * @throws PENKNIFE_INVALID for a wrong option.
 */
export function createStream<T = unknown>(space: Space, name: string, options?: StreamOptions<T>): Stream<T>
export function createStream<T, Out>(
  space: Space,
  name: string,
  options: StreamOptions<T, Out>,
): Stream<T, Out>
export function createStream<T, Out>(
  space: Space,
  name: string,
  options: StreamOptions<T, Out> = {},
): Stream<T, Out> {
  checkName('stream name', name)
  const settings = streamSettings(options)
  const { groups, declared } = settings
  const { keys, bind, use } = runtimeOf(space)
  const key = keys.stream(name)
  const range = bind(streamRange, [])
  use('stream')

  /** In a work queue a group must be among those that are waited for. */
  function checkGroup(group: string): string {
    checkName('group', group)
    if (declared !== '-' && !groups.includes(group)) {
      throw invalid(
        'group',
        group,
        `name one of the work queue's groups (${groups.join(', ')}), or declare it`,
      )
    }
    return group
  }

  return {
    name,
    ...createAdder<T>(space, name, settings),
    async read(read = {}) {
      checkOptions('read', read, ['from', 'to', 'count', 'reverse'])
      const from = checkId('from', read.from ?? '-')
      const to = checkId('to', read.to ?? '+')
      const count = wholeNumber('count', read.count ?? 100, 1, 1000)
      const reply = read.reverse
        ? await range(keys.route, key, to, from, count, 'XREVRANGE')
        : await range(keys.route, key, from, to, count, 'XRANGE')
      return toEntries<T>(reply)
    },
    replay: (replayOptions = {}) => replay<T>(space, key, replayOptions),
    async deadLetters(group, { count = 100 } = {}) {
      const dead = keys.deadLetters(name, checkName('group', group))
      const reply = await range(keys.route, dead, '+', '-', wholeNumber('count', count, 1, 1000), 'XREVRANGE')
      return (reply as readonly [string, readonly string[]][]).map(toDeadLetter)
    },
    worker(group, handler, workerOptions = {}) {
      checkGroup(group)
      checkHandler(handler)
      return createWorker<Out>(
        space,
        {
          stream: name,
          group,
          declared,
          schema: settings.schema,
          handle: ([delivery]) => handler(delivery as NonNullable<typeof delivery>),
          errorAt: () => undefined,
        },
        workerSettings(workerOptions, false),
      )
    },
    batchWorker(group, handler, workerOptions = {}) {
      checkGroup(group)
      checkHandler(handler)
      return createWorker<Out>(
        space,
        {
          stream: name,
          group,
          declared,
          schema: settings.schema,
          handle: handler,
          errorAt: (outcome, at) =>
            Array.isArray(outcome) && outcome[at] instanceof Error ? outcome[at] : undefined,
        },
        workerSettings(workerOptions, true),
      )
    },
  }
}

function toDeadLetter([position, fields]: readonly [string, readonly string[]]): DeadLetter {
  return {
    id: fieldOf(fields, 'i') ?? '',
    position,
    group: fieldOf(fields, 'g') ?? '',
    json: fieldOf(fields, 'd') ?? 'null',
    attempts: Number(fieldOf(fields, 'a')),
    why: (fieldOf(fields, 'k') ?? 'failed') as DeathKind,
    reason: fieldOf(fields, 'e') ?? '',
    traceparent: fieldOf(fields, 't'),
    diedAtMs: Number.parseInt(position, 10),
  }
}
