import { invalid } from '../errors.ts'
import { createTopic, type Topic } from '../events.ts'
import { checkName, checkOptions, wholeNumber } from '../options.ts'
import { reportRedeclared } from '../redeclared.ts'
import { createDeclaration } from '../redis/declaration.ts'
import { comparable } from '../record/comparable.ts'
import { type Runtime, runtimeOf, type Space } from '../redis/penknife.ts'
import { createChannels } from './channels.ts'
import {
  checkAdmit,
  checkChannel,
  checkChannels,
  checkFollow,
  checkHistory,
  checkListen,
  checkListener,
  checkRevoked,
  checkShared,
  checkUser,
  wholeMs,
} from './checks.ts'
import { closing } from './closing.ts'
import type {
  NotifierEventMap,
  NotifierEventSchemas,
  NotifierInputsOf,
  NotifierNotice,
  NotifierOutputsOf,
} from './events.ts'
import { createArrivals } from './fan-out/arrivals.ts'
import { createHistories } from './history.ts'
import { iterate } from './iterate.ts'
import { within } from './limits.ts'
import { listen } from './listen.ts'
import type { NotifierOptions, NotifierSchemaOptions } from './options.ts'
import { createPublishing, type Retention } from './publishing.ts'
import { UserAdmission } from './rights/admission.ts'
import { createConnections } from './rights/connections.ts'
import { createControlChannel } from './rights/control-channel.ts'
import { createControl } from './rights/control.ts'
import type { Notifier } from './types.ts'
import { createUnreadable } from './unreadable.ts'

/** How long Redis remembers the last declaration. */
const DECLARATION_MS = 30 * 86_400_000

const OPTIONS = ['history', 'age', 'ttl', 'dedup', 'schemas'] as const
const SUBSCRIBE = ['from', 'types', 'getState', 'onEvent', 'admission', 'audience', 'onAudience'] as const

/**
 * Makes a notifier: channels that deliver events at once, and from which a subscriber can resume.
 *
 * A subscriber gets every event after its position once and in order, or a `reset` when history was lost. That holds after
 * a failover or restart that lost the last writes: the tag in an id is a hash of the events up to it, so a position in
 * a lost part of the history is detected. Each channel keeps about `history` events in a stream, which expires `ttl` after
 * its last event, and after a process last followed it. After that the channel begins a new history, and its subscribers get a reset.
 *
 * With `schemas` the types of events are inferred. Otherwise you can give them, and the names of channels:
 * createNotifier<Events, 'prices' | `room:${string}`>(space, 'main').
 *
 * A deploy may change every option: each process uses its own. Redis remembers the last declaration for 30 days. A process
 * that declares other options reports it once, when it first publishes or follows (one script call).
 *
 * @throws PENKNIFE_INVALID for a wrong option.
 */
export function createNotifier<Schemas extends NotifierEventSchemas>(
  space: Space,
  name: string,
  options: NotifierSchemaOptions<Schemas>,
): Notifier<NotifierInputsOf<Schemas>, NotifierOutputsOf<Schemas>>
export function createNotifier<Events extends object = NotifierEventMap, Channel extends string = string>(
  space: Space,
  name: string,
  options?: NotifierOptions,
): Notifier<Events, Events, Channel>
// The last one is what `ReturnType<typeof createNotifier>` sees.
export function createNotifier<
  Events extends NotifierEventMap = NotifierEventMap,
  Channel extends string = string,
>(space: Space, name: string, options?: NotifierOptions): Notifier<Events, Events, Channel>
export function createNotifier(
  space: Space,
  name: string,
  options: NotifierOptions & Partial<NotifierSchemaOptions> = {},
): Notifier {
  checkOptions('createNotifier', options, OPTIONS)
  checkName('notifier name', name)
  const retention = retentionOf(options)
  const runtime = runtimeOf(space)
  const { keys, subscriber, deadlineMs, onClose, use } = runtime
  const title = `notifier '${name}' of space '${space.name}'`
  const notices = createTopic<NotifierNotice>('penknife:notifier')
  const about = { space: space.name, name }
  const declare = createDeclare(about, title, notices, runtime, retention)
  const unreadable = createUnreadable(about, title, notices)
  const arrivals = createArrivals()
  const histories = createHistories(name, runtime, retention.age)
  const { publish, publishing, nudge } = createPublishing(about, runtime, retention, options.schemas, declare)
  const counted = (by: 1 | -1): void => runtime.subscriptions.change(space.name, name, by)
  const channelsOptions = {
    name,
    runtime,
    ttlMs: retention.ttl,
    histories,
    arrivals,
    unreadable,
    declare,
    counted,
  }
  const { subscribe, behind } = createChannels(channelsOptions)
  const control = createControl(createControlChannel(name, runtime, arrivals, unreadable), deadlineMs)
  const connections = createConnections(name, runtime)
  use('notifier', name, { ...options, schemas: undefined })

  const notifier: Notifier = {
    name,
    publish,
    publishing,
    nudge,
    async listen(patterns, listening) {
      checkListen(patterns, listening)
      const { onEvent } = listening
      const { route } = keys
      const { ready, end } = listen({
        subscriber,
        route,
        nudges: keys.nudges(name),
        patterns,
        onEvent,
        unreadable,
      })
      try {
        await within('listen', deadlineMs, ready)
      } catch (error) {
        end()
        throw error
      }
      return closing(end)
    },
    async subscribe(channels, subscribing) {
      checkOptions('subscribe', subscribing, SUBSCRIBE)
      const { onEvent, admission } = subscribing
      checkListener(onEvent)
      if (admission !== undefined && !(admission instanceof UserAdmission && admission.isOf(control))) {
        throw invalid(
          'admission',
          admission,
          'give an admission of the same notifier: await notifier.admit(user, …)',
        )
      }
      const followed = checkFollow(channels, subscribing)
      const shared = checkShared(channels, subscribing)
      return subscribe(channels, { followed, onEvent, admission, shared })
    },
    events(channels, following = {}) {
      checkOptions('events', following, ['from', 'types', 'getState', 'signal'])
      const { signal } = following
      if (signal !== undefined && !(signal instanceof AbortSignal)) {
        throw invalid('signal', signal, 'give an AbortSignal')
      }
      const followed = checkFollow(channels, following)
      return iterate((onEvent) => subscribe(channels, { followed, onEvent }), signal, onClose)
    },
    async positions(channels) {
      checkChannels(channels)
      const found = channels.map(async (channel) => [channel, await histories.end(channel)] as const)
      return Object.fromEntries(await Promise.all(found))
    },
    async history(channel, page = {}) {
      const { after, limit } = checkHistory(channel, page)
      return histories.page(channel, after, limit)
    },
    async clear(channel) {
      checkChannel(channel)
      return histories.clear(channel)
    },
    async admit(user, admitting) {
      checkUser(user)
      checkAdmit(admitting)
      const admission = new UserAdmission(user, admitting, control, connections)
      await control.join(admission)
      return admission
    },
    async revoke(user, channels) {
      checkUser(user)
      if (channels !== undefined) checkRevoked(channels)
      return control.revoke(user, channels)
    },
    on: (listener) => notices.on(listener),
    behind,
    onClose,
  }
  return comparable(notifier, {
    title: `notifier '${name}'`,
    space: space.name,
    runtime,
    kind: 'x',
    keyOf: (channel) => keys.history(name, channel),
    valueOf: (stored) => stored ?? undefined,
  })
}

function retentionOf(options: NotifierOptions): Retention {
  const { dedup = {} } = options
  checkOptions('createNotifier dedup', dedup, ['window'])
  return {
    history: wholeNumber('history', options.history ?? 1000, 1, 1_000_000),
    age: options.age === undefined ? 0 : wholeMs('age', options.age, 1000),
    ttl: wholeMs('ttl', options.ttl ?? '1d', 60_000),
    dedupWindowMs: wholeMs('dedup.window', dedup.window ?? '5m', 1000),
  }
}

/** Makes the function that stores in Redis, once, which options this process uses. */
function createDeclare(
  about: { readonly space: string; readonly name: string },
  title: string,
  notices: Topic<NotifierNotice>,
  { keys, bind }: Runtime,
  { history, age, ttl, dedupWindowMs }: Retention,
): () => void {
  const text = `history ${history}, ttl ${ttl} ms, age ${age === 0 ? 'none' : `${age} ms`}, dedup window ${dedupWindowMs} ms`
  return createDeclaration(bind, {
    route: keys.route,
    key: keys.notifierDeclaration(about.name),
    text,
    lastsMs: DECLARATION_MS,
    title,
    onOther: (before) => reportRedeclared(notices, about, { title, before, now: text }),
  })
}
