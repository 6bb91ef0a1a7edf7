import type { Delivery, Notifier } from '@penknife/core'
import type { Redis } from 'ioredis'

/** An entry of the stream of clicks. */
export interface Click {
  readonly member: string
}

export interface Badge {
  /** `blade`, or `scissors.<minute>` for one that can be earned again. */
  readonly id: string
  /** The tool that it adds to the knife. */
  readonly tool: string
  /** The id of the entry that earned it. */
  readonly entry: string
}

/** A tool for a total number of clicks. */
const MILESTONES: readonly (readonly [clicks: number, tool: string])[] = [
  [1, 'blade'],
  [10, 'corkscrew'],
  [50, 'opener'],
  [100, 'saw'],
]
/** Scissors for a number of clicks within a minute of the clock. They can be earned again in each minute. */
const STREAK = 5
const MINUTE_MS = 60_000
const DAY_S = 86_400

export interface Badges {
  /** Handles a click, and returns the badges that it earned. May be called again for the same click. */
  handle(click: Delivery<Click>): Promise<readonly Badge[]>
  of(member: string): Promise<readonly Badge[]>
}

/**
 * A worker handles every click at least once, so all its effects may be repeated. A click is counted as a member of a
 * set, by its entry's id. A badge has an id that is computed from the clicks, and belongs to the first entry that
 * earned it. After a crash between award and notification the notification is sent twice.
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

  /** True for the entry that got the badge, also when it is repeated. */
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

/** The channel that only this visitor's pages follow. */
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
