import { createTopic } from '../events.ts'
import type { Jsonified } from '../json.ts'
import { checkName, checkOptions, wholeNumber } from '../options.ts'
import { reportRedeclared } from '../redeclared.ts'
import { createDeclaration } from '../redis/declaration.ts'
import { source } from '../record/comparable.ts'
import type { Space } from '../redis/penknife.ts'
import type { StandardSchema } from '../standard-schema.ts'
import { streamPage } from '../redis/scripts.gen.ts'
import { createAdder } from './add.ts'
import { offerWriters } from './batch-writer.ts'
import { callBatch, errorAt, resultAt } from './batch-outcome.ts'
import { toEntry } from './entries.ts'
import type { StreamEvent } from './event-types.ts'
import { createGroup } from './groups.ts'
import { toRange } from './ids.ts'
import type { StreamOptions } from './option-types.ts'
import { createOwnCommit } from './own-commit.ts'
import { createLocator } from './locate.ts'
import { readPage } from './pages.ts'
import { replay } from './replay.ts'
import { createResults } from './results.ts'
import { createSchedules } from './schedules/schedules.ts'
import { createScope } from './scope.ts'
import { registeredOf, streamSettings, workerSettings } from './settings.ts'
import { createStats } from './stats.ts'
import { createTagged } from './tagged.ts'
import type { Stream } from './types.ts'
import { createWatch } from './watch.ts'
import { createWatching } from './watching.ts'
import type { Worker, WorkerCloseOptions } from './worker-types.ts'
import { checkHandler, createWorker } from './worker.ts'

/** A page of `read` ends after this many bytes. */
const READ_BYTES = 8 << 20

/**
 * Creates a stream: durable, ordered entries. Every group handles every entry at least once.
 *
 * An entry that `add` confirmed is handled at least once by every declared group, also after crashes of workers and restarts of
 * Redis, as far as Redis kept it. A stream is one of two things:
 *
 * - A **work queue** has `groups` and no `retain`. An entry is deleted once every group has finished it. A group that is declared
 *   later does not get entries that the others finished before. The stream has the groups of all processes. A group that no process
 *   declares any more keeps its entries until it is dropped.
 * - An **event log** has `retain`, or no groups. Entries stay after they were handled, and can be read and replayed. A worker may
 *   start any group at any time, at the oldest entry or elsewhere. Adds delete the oldest entries by `retain`, but never one that an
 *   existing group has not finished, unless the log is `lossy`. `groups` exist from the first entry on.
 *
 * A failed entry is retried in its group only. Other groups do not get it again, and it does not stop trimming.
 *
 * @throws PENKNIFE_INVALID for a wrong option.
 */
export function createStream<T, Out>(
  space: Space,
  name: string,
  options: StreamOptions<T, Out> & { readonly schema: StandardSchema<T, Out> },
): Stream<T, Out>
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
  const { runtime, keys, route, key, title, identity, bind, checkGroup } = scope
  const page = bind(streamPage, [])
  const locator = createLocator(scope)
  const topic = createTopic<StreamEvent>('penknife:stream', scope.runtime.taps)
  const watch = createWatch(scope, topic, () => stats({ over: 0 }))
  const stats = createStats(scope, watch.sampled)
  const declare = createDeclaration(runtime.bind, {
    route,
    key: keys.declaration(name),
    text: settings.text,
    lastsMs: 0,
    title,
    onOther: (before) =>
      reportRedeclared(topic, identity, {
        title,
        before,
        now: settings.text,
        more: '; a group stays until you drop it',
      }),
  })
  const { schedule, schedules, serve } = createSchedules(scope, settings, topic)
  runtime.use('stream', name, registeredOf(options))

  /** The process of a worker also adds the entries of schedules that are due. */
  function serving(worker: Worker): Worker {
    const end = serve()
    const closeWorker = worker.close
    async function close(closing?: WorkerCloseOptions): Promise<void> {
      await closeWorker(closing)
      end()
    }
    // Not a copy, because the worker has a getter.
    return Object.assign(worker, { close, [Symbol.asyncDispose]: () => close() })
  }

  const { adder, createWriter } = createAdder<T>(scope, settings, topic, {
    added: watch.added,
    declared: declare,
  })
  const stream: Stream<T, Out> = {
    name,
    on: (listener) => topic.on(listener),
    watch: createWatching(scope),
    ...adder,
    async read(read = {}) {
      checkOptions('read', read, ['from', 'to', 'limit', 'after', 'reverse'])
      const limit = wholeNumber('limit', read.limit ?? 100, 1, 1000)
      const range = toRange(read)
      return readPage(page, route, key, { ...range, count: limit, bytes: READ_BYTES }, ([id, fields]) =>
        toEntry<Jsonified<T>>(id, fields),
      )
    },
    find: locator.find,
    tagged: createTagged<Jsonified<T>>(scope, locator),
    cancel: locator.cancel,
    reschedule: locator.reschedule,
    result: createResults(scope, locator) as Stream<T, Out>['result'],
    commit: createOwnCommit(scope),
    stats,
    schedule: schedule as Stream<T, Out>['schedule'],
    schedules,
    group: (group) => createGroup(scope, group),
    replay: (replayOptions = {}) => replay<Jsonified<T>>(scope, replayOptions),
    worker(group, handler, workerOptions = {}) {
      checkGroup(group)
      checkHandler(handler)
      declare()
      return serving(
        createWorker<Out>(
          scope,
          {
            group,
            schema: settings.schema,
            handle: ([delivery]) => handler(delivery as NonNullable<typeof delivery>),
            errorAt: () => undefined,
            resultAt: (outcome) => outcome,
          },
          workerSettings(workerOptions, false),
        ),
      )
    },
    batchWorker(group, handler, workerOptions = {}) {
      checkGroup(group)
      checkHandler(handler)
      declare()
      return serving(
        createWorker<Out>(
          scope,
          {
            group,
            schema: settings.schema,
            handle: callBatch(handler),
            errorAt,
            resultAt,
          },
          workerSettings(workerOptions, true),
        ),
      )
    },
  }
  offerWriters(stream, createWriter)
  return source(stream, { title, space, runtime, key, isLog: scope.declared === '-' })
}
