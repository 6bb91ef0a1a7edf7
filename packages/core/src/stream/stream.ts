import { invalid } from '../errors.ts'
import { checkName, checkOptions, toJson, wholeNumber } from '../options.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import { streamAdd, streamRange } from '../redis/scripts.gen.ts'
import { checkId, fieldOf, toEntries } from './entries.ts'
import { replay } from './replay.ts'
import type { DeadLetter, Stream, StreamOptions } from './types.ts'
import { createWorker } from './worker.ts'

/** The largest payload, as JSON in bytes. */
const LARGEST_PAYLOAD = 1 << 20

/**
 * Makes a stream: durable, ordered entries that any number of groups handle, each group every entry at least once.
 *
 * An entry that `add` confirmed is handled at least once by every declared group, in spite of crashed or stalled
 * workers and restarts of Redis, as far as Redis itself kept it. `keep` entries stay after all groups finished
 * them; one that a group has not finished is never trimmed.
 *
 * @throws PENKNIFE_INVALID for a wrong option.
 */
export function createStream<T = unknown>(
  space: Space,
  name: string,
  options: StreamOptions = {},
): Stream<T> {
  checkName('stream name', name)
  checkOptions('createStream', options, ['groups', 'keep'])
  const groups = checkGroups(options.groups ?? [])
  const keep = wholeNumber('keep', options.keep ?? 10_000, 1, 1_000_000_000)
  const { keys, bind, use } = runtimeOf(space)
  const key = keys.stream(name)
  const append = bind(streamAdd, [keep, groups.join(' ')])
  const range = bind(streamRange, [])
  use('stream')

  return {
    name,
    async add(payload) {
      return append(keys.route, key, toJson('payload', payload, LARGEST_PAYLOAD))
    },
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
      return (reply as readonly [string, readonly string[]][]).map(([, fields]) => toDeadLetter(fields))
    },
    worker(group, handler, workerOptions = {}) {
      return createWorker<T>(space, name, checkName('group', group), handler, workerOptions)
    },
  }
}

function checkGroups(groups: readonly string[]): readonly string[] {
  if (!Array.isArray(groups)) throw invalid('groups', groups, "give a list of names, such as ['billing']")
  return groups.map((group: string) => checkName('group', group))
}

function toDeadLetter(fields: readonly string[]): DeadLetter {
  return {
    id: fieldOf(fields, 'id') ?? '',
    json: fieldOf(fields, 'd') ?? 'null',
    attempts: Number(fieldOf(fields, 'attempt')),
    reason: fieldOf(fields, 'reason') ?? '',
  }
}
