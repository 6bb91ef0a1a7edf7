import { invalid } from '../errors.ts'
import { createTopic } from '../events.ts'
import { checkName, checkOptions, wholeNumber } from '../options.ts'
import { reportRedeclared } from '../redeclared.ts'
import { createDeclaration } from '../redis/declaration.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import {
  notifierEnd,
  notifierKeep,
  notifierNudge,
  notifierPublish,
  notifierSince,
  notifierTop,
} from '../redis/scripts.gen.ts'
import { Member } from './admission.ts'
import {
  checkAdmit,
  checkChannel,
  checkChannels,
  checkFollow,
  checkHistory,
  checkListen,
  checkListener,
  checkPublish,
  checkRevoked,
  checkShared,
  checkUser,
  type Followed,
  type Shared,
  wholeMs,
} from './checks.ts'
import { createControl } from './control.ts'
import { createFeed, type Feed } from './feed.ts'
import { Following, type OnEvent } from './following.ts'
import { createHolds } from './holds.ts'
import { iterate } from './iterate.ts'
import type { Lane } from './lane.ts'
import { atMost, CHECK_MS, within } from './limits.ts'
import { listen } from './listen.ts'
import { isBeginning } from './messages.ts'
import { toPage, toStretch } from './pages.ts'
import { createEncode } from './schemas.ts'
import { createUnreadable } from './unreadable.ts'
import type { EventMap, EventSchemas, InputsOf, OutputsOf } from './events.ts'
import type { HistoryPage, Notifier, NotifierOptions, NotifierSchemaOptions, Subscription } from './types.ts'

/** Pages of history that a notifier reads at once: clients that catch up must not crowd out everything else. */
const READS = 16
/** How long the last declaration is remembered. */
const DECLARED_MS = 30 * 86_400_000

const OPTIONS = ['name', 'history', 'age', 'ttl', 'dedupWindow', 'schemas'] as const
const SUBSCRIBE = ['from', 'types', 'getState', 'onEvent', 'admission', 'audience', 'onAudience'] as const

const ALONE: Shared = {}

/**
 * Makes a notifier: channels whose events arrive at once and can be resumed.
 *
 * A subscriber sees every event after its position once and in order, or is told plainly (`reset`) that history was
 * lost. That holds after a failover or a restart that lost the last writes, too: an id says by its tag which events
 * it stands behind, so that a position among those that were lost is not taken for a good one. Each channel keeps about
 * `history` events in a stream, which goes `ttl` after its last event; a channel that was quiet for longer begins a
 * new history, and its subscribers see a reset.
 *
 * With `schemas` the types of events are inferred; else they may be given, and with them the names that channels have:
 * createNotifier<Events, 'prices' | `room:${string}`>(space).
 *
 * A deploy may change every option: each process goes by its own. Redis remembers the last declaration for 30 days, and a
 * process that declares the notifier in another way reports it once, when it first publishes or follows (one script call).
 *
 * @throws PENKNIFE_INVALID for a wrong option.
 */
export function createNotifier<Schemas extends EventSchemas>(
  space: Space,
  options: NotifierSchemaOptions<Schemas>,
): Notifier<InputsOf<Schemas>, OutputsOf<Schemas>>
export function createNotifier<Events extends EventMap = EventMap, Channel extends string = string>(
  space: Space,
  options?: NotifierOptions,
): Notifier<Events, Events, Channel>
export function createNotifier(
  space: Space,
  options: NotifierOptions & Partial<NotifierSchemaOptions> = {},
): Notifier {
  checkOptions('createNotifier', options, OPTIONS)
  const name = checkName('name', options.name ?? 'main')
  const kept = wholeNumber('history', options.history ?? 1000, 1, 1_000_000)
  const age = options.age === undefined ? 0 : wholeMs('age', options.age, 1000)
  const ttl = wholeMs('ttl', options.ttl ?? '1d', 60_000)
  const window = wholeMs('dedupWindow', options.dedupWindow ?? '5m', 1000)
  const encode = createEncode(options.schemas)
  const runtime = runtimeOf(space)
  const { keys, bind, subscriber, deadlineMs, onClose, use } = runtime
  const { route } = keys
  const next = keys.beginnings(name)
  const publish = bind(notifierPublish, [[next], kept, ttl, age, window])
  const nudge = bind(notifierNudge, [keys.nudges(name)])
  const since = bind(notifierSince, [age])
  const top = bind(notifierTop, [])
  const end = bind(notifierEnd, [])
  // Often enough that what is followed lives for its ttl after it was followed last.
  const keepMs = Math.floor(ttl / 3)
  const keep = bind(notifierKeep, [ttl + keepMs])
  const read = atMost(READS)
  let answers = 0
  const feeds = new Map<string, Feed>()
  const title = `notifier '${name}' of space '${space.name}'`
  const unreadable = createUnreadable(title)
  const control = createControl(name, runtime, unreadable)
  const holds = createHolds(name, runtime)
  const changes = createTopic('penknife:notifier', { space: space.name })
  const text = `history ${kept}, ttl ${ttl} ms, age ${age === 0 ? 'none' : `${age} ms`}, dedupWindow ${window} ms`
  const declare = createDeclaration(runtime.bind, {
    route: keys.route,
    key: keys.notifierDeclaration(name),
    text,
    lastsMs: DECLARED_MS,
    title,
    onOther: (before) => reportRedeclared(changes, { notifier: name }, { title, before, now: text }),
  })
  use('notifier', name)

  let checks: NodeJS.Timeout | undefined
  let forget = (): unknown => undefined

  /** Runs while some channel is followed, so that a notifier nobody follows costs nothing. */
  function watch(): void {
    checks = setInterval(() => {
      for (const feed of feeds.values()) feed.check()
    }, CHECK_MS)
    checks.unref()
    forget = onClose(async () => {
      clearInterval(checks)
      for (const feed of feeds.values()) feed.close()
    })
  }

  function feedOf(channel: string): Feed {
    let feed = feeds.get(channel)
    if (!feed) {
      const key = keys.history(name, channel)
      feed = createFeed({
        channel,
        live: keys.live(name, channel),
        route,
        subscriber,
        history: {
          since: (position, count, cancelled) =>
            read(
              `${channel}\n${position}`,
              () => !cancelled(),
              async () => toStretch(channel, answered(await since(route, key, next, position, count))),
            ),
          top: async () => answered(await top(route, key)),
          end: async () => answered(await end(route, key, next)),
        },
        keep: () => keep(route, key),
        keepMs,
        unreadable,
      })
      if (feeds.size === 0) watch()
      feeds.set(channel, feed)
    }
    return feed
  }

  function answered<Answer>(answer: Answer): Answer {
    answers += 1
    return answer
  }

  function leave(channel: string, lane: Lane): void {
    const feed = feeds.get(channel)
    feed?.leave(lane)
    if (feed?.empty) {
      feeds.delete(channel)
      feed.close()
      if (feeds.size === 0) {
        clearInterval(checks)
        forget()
      }
    }
  }

  async function readPage(channel: string, after: string, count: number): Promise<HistoryPage> {
    const key = keys.history(name, channel)
    const reply = await since(route, key, next, after, count)
    const [state, last] = reply
    if (last !== '') return toPage(channel, reply)
    const position = await end(route, key, next)
    if (state === 'lost' || isBeginning(position)) return toPage(channel, reply, position)
    // A history began meanwhile, and '-' stands before its first event.
    return readPage(channel, after, count)
  }

  async function follow(
    channels: readonly string[],
    { from, types, getState }: Followed,
    onEvent: OnEvent,
    admission?: Member,
    shared: Shared = ALONE,
  ): Promise<Subscription> {
    const following = new Following(onEvent, leave, admission)
    if (!following.open) return following
    declare()
    const ready: Promise<void>[] = []
    for (const channel of new Set(channels)) {
      if (admission?.mayNot(channel)) continue
      const start = Object.hasOwn(from, channel) ? (from[channel] as string) : '+'
      const { deliver } = following
      const sharing = following.sharing(shared)
      const joined = feedOf(channel).join({ from: start, deliver, types, getState, ...sharing })
      following.add(channel, joined.lane)
      ready.push(joined.ready)
    }
    try {
      await within('subscribe', deadlineMs, Promise.all(ready), () => answers)
    } catch (error) {
      following.close()
      throw error
    }
    return following
  }

  return {
    name,
    async publish(channel, data, published = {}) {
      checkChannel(channel)
      const { type, id, coalesce, lastsMs } = checkPublish(published)
      const encoded = encode(type, data)
      const json = typeof encoded === 'string' ? encoded : await encoded
      declare()
      const key = keys.history(name, channel)
      const once = id === undefined ? key : keys.published(name, channel, id)
      return publish(route, key, once, keys.live(name, channel), type, json, coalesce, lastsMs)
    },
    async nudge(channel, data, published = {}) {
      checkChannel(channel)
      const { type } = checkPublish(published, ['type'])
      const encoded = encode(type, data)
      const json = typeof encoded === 'string' ? encoded : await encoded
      await nudge(route, keys.live(name, channel), channel, type, json)
    },
    async listen(patterns, listening) {
      checkListen(patterns, listening)
      const { onEvent } = listening
      const { ready, close } = listen({
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
        close()
        throw error
      }
      return { close }
    },
    async subscribe(channels, subscribe) {
      checkOptions('subscribe', subscribe, SUBSCRIBE)
      const { onEvent, admission } = subscribe
      checkListener(onEvent)
      if (admission !== undefined && !(admission instanceof Member && admission.isOf(control))) {
        throw invalid('admission', admission, 'give what admit() of the same notifier resolved with')
      }
      const followed = checkFollow(channels, subscribe)
      return follow(channels, followed, onEvent, admission, checkShared(channels, subscribe))
    },
    events(channels, following = {}) {
      checkOptions('events', following, ['from', 'types', 'getState', 'signal'])
      const { signal } = following
      if (signal !== undefined && !(signal instanceof AbortSignal)) {
        throw invalid('signal', signal, 'give an AbortSignal')
      }
      const followed = checkFollow(channels, following)
      return iterate((onEvent) => follow(channels, followed, onEvent), signal, onClose)
    },
    async positions(channels) {
      checkChannels(channels)
      const found = await Promise.all(
        channels.map(
          async (channel) => [channel, await end(route, keys.history(name, channel), next)] as const,
        ),
      )
      return Object.fromEntries(found)
    },
    async history(channel, page = {}) {
      const { after, count } = checkHistory(channel, page)
      return readPage(channel, after, count)
    },
    async admit(user, admitting) {
      checkUser(user)
      checkAdmit(admitting)
      const member = new Member(user, admitting, control, holds)
      await control.join(member)
      return member
    },
    async revoke(user, channels) {
      checkUser(user)
      if (channels !== undefined) checkRevoked(channels)
      return control.revoke(user, channels)
    },
    async behind() {
      const found = await Promise.all(
        [...feeds].map(async ([channel, feed]) => ((await feed.behind()) ? [channel] : [])),
      )
      return found.flat()
    },
    onClose,
  }
}
