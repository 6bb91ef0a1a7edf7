import { invalid } from '../../errors.ts'
import { durationMs } from '../../duration.ts'
import { checkOptions } from '../../options.ts'
import { Effect, END } from '../../record/effect.ts'
import type { Runtime } from '../../redis/penknife.ts'
import type { PresenceAnnouncer, PresenceOptions } from './types.ts'

export interface PresenceSettings {
  readonly leaseMs: number
  readonly graceMs: number
  readonly announce: PresenceAnnouncer | undefined
}

/** @throws PENKNIFE_INVALID */
export function settingsOf(options: PresenceOptions): PresenceSettings {
  checkOptions('createPresence', options, ['lease', 'grace', 'announce'])
  const { lease = '30s', grace = '5s', announce } = options
  return {
    leaseMs: Math.ceil(durationMs('lease', lease, { min: 3000, max: 600_000 })),
    graceMs: grace === 0 ? 0 : Math.ceil(durationMs('grace', grace, { min: 0, max: 60_000 })),
    announce,
  }
}

/** Where the changes of a channel are published. */
export interface Announcing {
  readonly history: string
  readonly live: string
}

/** What all channels of a notifier share: the set of beginnings, and how much the histories keep. */
export interface AnnouncingPlan {
  readonly next: string
  readonly keep: number
  readonly ttl: number
  readonly age: number
}

/** Returns the targets of a notifier's channels. @throws PENKNIFE_INVALID unless it is a notifier of the same space. */
export function announcingOf(
  announce: PresenceAnnouncer,
  runtime: Runtime,
): { readonly plan: AnnouncingPlan; of(channel: string): Announcing } {
  const fix = 'give a notifier of the same space, without a schema for joined and left that is async'

  function partsOf(channel: string): { texts: string; key: string; effect: Effect } {
    const effect: unknown =
      typeof announce?.publishing === 'function' &&
      announce.publishing(channel as never, { member: 'm' } as never, { type: 'joined' } as never)
    if (!(effect instanceof Effect)) throw invalid('announce', announce, fix)
    const { target, texts, key } = effect.parts
    const same =
      target.runtime.subscriber === runtime.subscriber &&
      target.runtime.keys.beginnings('x') === runtime.keys.beginnings('x')
    if (!same || typeof texts !== 'string' || key === undefined) throw invalid('announce', announce, fix)
    return { texts, key, effect }
  }

  const { keys, plan } = partsOf('x').effect.parts.target.layout(0)
  const [keep, ttl, age] = plan as readonly [number, number, number]
  return {
    plan: { next: keys[0] as string, keep, ttl, age },
    of(channel) {
      const { texts, key } = partsOf(channel)
      return { history: key, live: texts.slice(0, texts.indexOf(END)) }
    },
  }
}
