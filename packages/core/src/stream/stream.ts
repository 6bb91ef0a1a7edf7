import { createTopic } from '../events.ts'
import type { Jsonified } from '../json.ts'
import { checkName, checkOptions, wholeNumber } from '../options.ts'
import { reportRedeclared } from '../redeclared.ts'
import { createDeclaration } from '../redis/declaration.ts'
import type { Space } from '../redis/penknife.ts'
import { streamPage } from '../redis/scripts.gen.ts'
import { createAdder } from './add.ts'
import { callBatch, errorAt } from './batch-outcome.ts'
import { toEntry } from './entries.ts'
import { createGroup } from './groups.ts'
import { toBound } from './ids.ts'
import { toEntries } from './pages.ts'
import { replay } from './replay.ts'
import { createScope } from './scope.ts'
import { streamSettings, workerSettings } from './settings.ts'
import { createStats } from './stats.ts'
import type { Stream, StreamEvent, StreamOptions } from './types.ts'
import { createWatch } from './watch.ts'
import { checkHandler, createWorker } from './worker.ts'

/** Beyond it a page that `read` answers ends. */
const READ_BYTES = 8 << 20

/**
 * Makes a stream: durable, ordered entries that any number of groups handle, each group every entry at least once.
 *
 * An entry that `add` confirmed is handled at least once by every declared group, in spite of crashed or stalled
 * workers and restarts of Redis, as far as Redis itself kept it. There are two uses of it:
 *
 * - A **work queue** has `groups` and no `retain`. An entry is deleted once every group finished it, so the stream holds what
 *   is to be done. A group that is declared later does not get what the others finished before. The stream has the groups of
 *   all processes; one that nobody serves or declares any more keeps the entries until it is dropped.
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
  const scope = createScope(space, name, settings)
  const { runtime, keys, route, key, title, bind, checkGroup } = scope
  const page = bind(streamPage, [])
  const topic = createTopic<StreamEvent>('penknife:stream', { space: space.name })
  const watch = createWatch(scope, topic, () => stats({ over: 0 }))
  const stats = createStats(scope, watch.saw)
  const declare = createDeclaration(runtime.bind, {
    route,
    key: keys.declaration(name),
    text: settings.text,
    lastsMs: 0,
    title,
    onOther: (before) =>
      reportRedeclared(
        topic,
        { stream: name },
        { title, before, now: settings.text, more: '; a group stays until it is dropped' },
      ),
  })
  runtime.use('stream', name)

  return {
    name,
    ...createAdder<T>(scope, settings, topic, { added: watch.added, declared: declare }),
    async read(read = {}) {
      checkOptions('read', read, ['from', 'to', 'count', 'reverse'])
      const from = toBound('from', read.from ?? '-')
      const to = toBound('to', read.to ?? '+')
      const count = wholeNumber('count', read.count ?? 100, 1, 1000)
      const [, ...found] = read.reverse
        ? await page(route, key, to, from, count, READ_BYTES, 'XREVRANGE')
        : await page(route, key, from, to, count, READ_BYTES, 'XRANGE')
      return toEntries(found).map(([id, fields]) => toEntry<Jsonified<T>>(id, fields))
    },
    stats,
    group: (group) => createGroup(scope, group),
    replay: (replayOptions = {}) => replay<Jsonified<T>>(scope, replayOptions),
    worker(group, handler, workerOptions = {}) {
      checkGroup(group)
      checkHandler(handler)
      declare()
      return createWorker<Out>(
        scope,
        {
          group,
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
      declare()
      return createWorker<Out>(
        scope,
        {
          group,
          schema: settings.schema,
          handle: callBatch(handler),
          errorAt,
        },
        workerSettings(workerOptions, true),
      )
    },
  }
}
