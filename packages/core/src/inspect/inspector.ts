import { createCounters } from '../guard/counters.ts'
import { createSemaphore } from '../guard/semaphore.ts'
import type { SemaphoreOptions } from '../guard/semaphore-types.ts'
import { createLeaderboard } from '../leaderboard/leaderboard.ts'
import { createRateLimiter } from '../limiter/limiter.ts'
import type { RateLimiterOptions } from '../limiter/types.ts'
import { createNotifier } from '../notifier/notifier.ts'
import type { NotifierOptions } from '../notifier/options.ts'
import { checkOptions } from '../options.ts'
import { type Penknife, runtimeOf, type Space } from '../redis/penknife.ts'
import type { DeadLetters } from '../stream/dead-letter-types.ts'
import type { StreamOptions } from '../stream/option-types.ts'
import { createStream } from '../stream/stream.ts'
import { readHistory } from './channels.ts'
import { actOnDead, deadGroups } from './dead-letters.ts'
import { deniedSubjects } from './denied.ts'
import { explainEntry } from './explain-entry.ts'
import { explainSubject } from './explain-subject.ts'
import type { InspectLimiter, Inspector, InspectNotifier } from './inspector-types.ts'
import { explainLock, forceRelease } from './locks.ts'
import { limiterOf, objectOf, spaceOf } from './objects.ts'
import { optionsOf, quietSpace } from './opened.ts'
import { checkPage, FEATURE_AND_NAME, NAME, readRegistered, type Registered } from './registered.ts'
import { readServer } from './server.ts'
import { readStreams } from './streams.ts'
import { createTotals } from './totals.ts'
import type { InspectedSpace, InspectFeature, InspectPage, InspectPageOptions } from './types.ts'

/**
 * Reads what penknife has in Redis by names, for tools. It needs no objects of the application and no SCAN.
 *
 * It costs nothing by itself. The objects that it opens are not registered.
 */
export function inspect(penknife: Penknife): Inspector {
  const opened = (name: string): Space => quietSpace(penknife.space(name))

  async function list<Item>(
    where: string,
    space: string,
    page: InspectPageOptions,
    feature: string,
    toItems: (space: Space, found: readonly Registered[]) => readonly Item[] | Promise<readonly Item[]>,
  ): Promise<InspectPage<Item>> {
    const checked = checkPage(where, page)
    const of = opened(space)
    const { bind, keys, registered } = runtimeOf(of)
    await registered()
    const pattern = feature === '' ? FEATURE_AND_NAME : NAME
    const { items, ...rest } = await readRegistered(bind, keys.registry, feature, pattern, checked)
    return { items: await toItems(of, items), ...rest }
  }

  async function open<Opened>(
    space: string,
    feature: InspectFeature,
    name: string,
    create: (space: Space, name: string, options: never) => Opened | Promise<Opened>,
  ): Promise<Opened> {
    const of = opened(space)
    await runtimeOf(of).registered()
    return create(of, name, (await optionsOf(of, feature, name)) as never)
  }

  const stream: Inspector['stream'] = (space, name) => open(space, 'stream', name, createStream)

  async function deadOf(space: string, name: string, group: string): Promise<DeadLetters> {
    return (await stream(space, name)).group(group).deadLetters
  }

  async function spaces(page: InspectPageOptions = {}): Promise<InspectPage<InspectedSpace>> {
    const checked = checkPage('spaces', page)
    // The list of spaces belongs to the server. Any space knows its key.
    const { bind, keys, registered } = runtimeOf(opened('inspect'))
    await registered()
    const { items, ...rest } = await readRegistered(bind, keys.spaces, '', NAME, checked)
    return { items: items.map(spaceOf), ...rest }
  }

  const totals = createTotals(list)

  return {
    spaces,
    objects(space, { feature, ...page } = {}) {
      const prefix = feature === undefined ? '' : `${feature} `
      return list('objects', space, page, prefix, (of, found) =>
        found.flatMap((each) => objectOf(of.name, feature, each)),
      )
    },
    streams: (space, page = {}) => list('streams', space, page, 'stream ', readStreams),
    async streamState(space, name) {
      return open(space, 'stream', name, async (of, member, options: object) => {
        const [state] = await readStreams(of, [{ member, seenAtMs: 0, text: JSON.stringify(options) }])
        return state as NonNullable<typeof state>
      })
    },
    limiterState: (space, name) =>
      open(space, 'limiter', name, (of, member, options: object) =>
        limiterOf(of.name, { member, seenAtMs: 0, text: JSON.stringify(options) }),
      ),
    limiters: (space, page = {}) =>
      list('limiters', space, page, 'limiter ', (of, found) => found.map((each) => limiterOf(of.name, each))),
    totals,
    async server() {
      const used = new Set<InspectFeature>()
      let after: string | undefined
      do {
        const { items, next } = await spaces({ limit: 1000, ...(after === undefined ? {} : { after }) })
        for (const { name } of items) {
          for (const feature of Object.keys((await totals(name)).objects)) used.add(feature as InspectFeature)
        }
        after = next
      } while (after !== undefined)
      return readServer(opened('inspect'), used)
    },

    stream,
    limiter: (space, name) =>
      open(space, 'limiter', name, (of, limiter, options: RateLimiterOptions): InspectLimiter =>
        createRateLimiter(of, limiter, {
          ...options,
          whenUnavailable: 'throw',
          denyCache: false,
          deadline: runtimeOf(of).deadlineMs,
        }),
      ),
    leaderboard: (space, name) => open(space, 'leaderboard', name, createLeaderboard),
    notifier: (space, name) =>
      open(space, 'notifier', name, (of, notifier, options: NotifierOptions): InspectNotifier =>
        createNotifier(of, notifier, options),
      ),
    history: (space, name, channel, page = {}) =>
      open(space, 'notifier', name, (of, notifier, options: NotifierOptions) =>
        readHistory(of, notifier, options, channel, page),
      ),
    counters: (space, name) => open(space, 'counters', name, createCounters),
    semaphore: (space, name) =>
      open(space, 'semaphore', name, (of, semaphore, options: SemaphoreOptions) =>
        createSemaphore(of, semaphore, options),
      ),

    async explainSubject(space, limiter, subject, explaining = {}) {
      checkOptions('explainSubject', explaining, ['cost'])
      return await open(space, 'limiter', limiter, (of, name, options: RateLimiterOptions) =>
        explainSubject(of, name, options, subject, explaining.cost ?? 1),
      )
    },
    deniedSubjects: async (space, limiter, options) => deniedSubjects(opened(space), limiter, options),
    explainEntry: async (space, name, id) =>
      open(space, 'stream', name, (of, found, options: StreamOptions) =>
        explainEntry(of, found, options, id),
      ),
    explainLock: async (space, lock, key) => explainLock(opened(space), lock, key),

    async deadGroups(space, name, group, options) {
      return deadGroups(await deadOf(space, name, group), options)
    },
    async requeueDead(space, name, group, filter, options) {
      return actOnDead(await deadOf(space, name, group), 'requeue', filter, options)
    },
    async purgeDead(space, name, group, filter, options) {
      return actOnDead(await deadOf(space, name, group), 'purge', filter, options)
    },
    forceRelease: async (space, lock, key, fence) => forceRelease(opened(space), lock, key, fence),
  }
}
