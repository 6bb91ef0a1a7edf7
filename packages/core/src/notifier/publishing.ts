import { Effect, type EffectTarget, END, textsOf } from '../record/effect.ts'
import type { Runtime } from '../redis/penknife.ts'
import { traced } from '../traced.ts'
import { notifierNudge, notifierPublish } from '../redis/scripts.gen.ts'
import { checkChannel, checkPublish } from './checks.ts'
import type { NotifierEventSchemas } from './events.ts'
import type { NotifierPublishOptions } from './options.ts'
import { createEncode } from './schemas.ts'

const PUBLISH = traced('publish')

/** How much and how long a notifier keeps, as arguments of the scripts. */
export interface Retention {
  /** Events for each channel. */
  readonly history: number
  /** Milliseconds; 0: no limit. */
  readonly age: number
  readonly ttl: number
  readonly dedupWindowMs: number
}

export interface Publishing {
  publishing(channel: string, data: unknown, options?: Omit<NotifierPublishOptions, 'id'>): Effect<string>
  publish(channel: string, data: unknown, options?: NotifierPublishOptions): Promise<string>
  nudge(channel: string, data: unknown, options?: Pick<NotifierPublishOptions, 'type'>): Promise<void>
}

/** @param declare reports once that another process declared the notifier in another way */
export function createPublishing(
  { space, name }: { readonly space: string; readonly name: string },
  runtime: Runtime,
  { history, age, ttl, dedupWindowMs }: Retention,
  schemas: NotifierEventSchemas | undefined,
  declare: () => void,
): Publishing {
  const { keys, bind } = runtime
  const { route } = keys
  const encode = createEncode(schemas)
  const publish = bind(notifierPublish, [[keys.beginnings(name)], history, ttl, age, dedupWindowMs])
  const nudge = bind(notifierNudge, [keys.nudges(name)])
  const target: EffectTarget = {
    kind: 'publish',
    title: `notifier '${name}'`,
    space,
    runtime,
    layout: () => ({ keys: [keys.beginnings(name)], plan: [history, ttl, age] }),
    cost: 14,
    used: declare,
    shapes: new WeakMap(),
  }

  async function publishOne(
    channel: string,
    data: unknown,
    options: NotifierPublishOptions,
  ): Promise<string> {
    checkChannel(channel)
    const { type, id, coalesce, lastsMs } = checkPublish(options)
    const encoded = encode(type, data)
    const json = typeof encoded === 'string' ? encoded : await encoded
    declare()
    const key = keys.history(name, channel)
    const once = id === undefined ? key : keys.published(name, channel, id)
    return publish(route, key, once, keys.live(name, channel), type, json, coalesce, lastsMs)
  }

  return {
    publishing(channel, data, options = {}) {
      checkChannel(channel)
      const { type, coalesce, lastsMs } = checkPublish(options, ['type', 'ttl', 'coalesce'])
      const begin = keys.live(name, channel) + END + type + END
      const lean = coalesce === '' && lastsMs === 0
      const end = lean ? END : END + textsOf(coalesce, lastsMs)
      const encoded = encode(type, data)
      const texts =
        typeof encoded === 'string' ? begin + encoded + end : encoded.then((json) => begin + json + end)
      // Refused data fails the call that makes the change.
      if (typeof texts !== 'string') texts.catch(() => {})
      return new Effect({
        target,
        key: keys.history(name, channel),
        texts,
        full: lean ? withoutLimits : undefined,
        read: (id) => id,
      })
    },
    publish: (channel, data, options = {}) =>
      PUBLISH.observed
        ? PUBLISH.follow({ space, name, channel }, () => publishOne(channel, data, options))
        : publishOne(channel, data, options),
    async nudge(channel, data, options = {}) {
      checkChannel(channel)
      const { type } = checkPublish(options, ['type'])
      const encoded = encode(type, data)
      const json = typeof encoded === 'string' ? encoded : await encoded
      await nudge(route, keys.live(name, channel), channel, type, json)
    },
  }
}

/** The texts of an event without `coalesce` and `ttl`, in the full form. */
function withoutLimits(texts: string): string {
  return texts + textsOf('', 0)
}
