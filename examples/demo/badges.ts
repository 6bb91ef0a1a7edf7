import type { Delivery, Notifier } from '@penknife/core'
import type { Redis } from 'ioredis'

/** An entry of the stream of clicks. */
export interface Click {
  readonly member: string
}

export interface Badge {
  /** `blade`, or `scissors.<minute>` for one that can be earned again. */
  readonly id: string
  /** The tool of the knife that it adds. */
  readonly tool: string
  /** The entry that earned it. */
  readonly entry: string
}

/** A tool for so many clicks altogether. */
const MILESTONES: readonly (readonly [clicks: number, tool: string])[] = [
  [1, 'blade'],
  [10, 'corkscrew'],
  [50, 'opener'],
  [100, 'saw'],
]
/** Scissors for so many clicks within one minute of the clock, in every minute anew. */
const STREAK = 5
const MINUTE_MS = 60_000
const DAY_S = 86_400

export interface Badges {
  /** Handles a click; the badges that it earned. May be called again for the same click. */
  handle(click: Delivery<Click>): Promise<readonly Badge[]>
  of(member: string): Promise<readonly Badge[]>
}

/**
 * A worker sees every click at least once, so all that it does may be done twice: clicks are counted as members of
 * a set under their entry's id, badges have ids that follow from the clicks, and each belongs to the one entry that
 * got it first. A crash between award and notification only makes the notification come twice.
 */
export function createBadges(redis: Redis, notifier: Notifier): Badges {
  async function count({ id, addedAtMs, payload }: Delivery<Click>): Promise<readonly [number, number]> {
    const key = `penknife-demo:clicks:${payload.member}`
    const minute = Math.floor(addedAtMs / MINUTE_MS) * MINUTE_MS
    const replies = await redis
      .multi()
      .zadd(key, addedAtMs, id)
      .expire(key, DAY_S)
      .zcard(key)
      .zcount(key, minute, minute + MINUTE_MS - 1)
      .exec()
    return [Number(replies?.[2]?.[1]), Number(replies?.[3]?.[1])]
  }

  /** True for the entry that got the badge, however often it asks. */
  async function award(member: string, { id, entry }: Badge): Promise<boolean> {
    const key = badgesKey(member)
    const replies = await redis.multi().hsetnx(key, id, entry).hget(key, id).expire(key, DAY_S).exec()
    return replies?.[1]?.[1] === entry
  }

  return {
    async handle(click) {
      const { member } = click.payload
      const [total, inMinute] = await count(click)
      const earned: Badge[] = []
      for (const badge of entitledTo(click, total, inMinute)) {
        if (!(await award(member, badge))) continue
        await notifier.publish(visitorChannel(member), badge, { type: 'badge' })
        earned.push(badge)
      }
      return earned
    },
    async of(member) {
      const stored = await redis.hgetall(badgesKey(member))
      return Object.entries(stored).map(([id, entry]) => ({ id, tool: id.split('.')[0] as string, entry }))
    },
  }
}

/** Only this visitor's pages follow it. */
export function visitorChannel(member: string): string {
  return `visitor.${member}`
}

function badgesKey(member: string): string {
  return `penknife-demo:badges:${member}`
}

function entitledTo(
  { id: entry, addedAtMs }: Delivery<Click>,
  total: number,
  inMinute: number,
): readonly Badge[] {
  const badges = MILESTONES.filter(([clicks]) => total >= clicks).map(([, tool]) => ({
    id: tool,
    tool,
    entry,
  }))
  if (inMinute < STREAK) return badges
  return [...badges, { id: `scissors.${Math.floor(addedAtMs / MINUTE_MS)}`, tool: 'scissors', entry }]
}
