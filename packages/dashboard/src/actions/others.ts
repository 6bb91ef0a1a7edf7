import type { DashboardActions } from '../api-types.ts'
import { Refusal } from '../failures.ts'
import { listOf, name, optional, subject, text, whole } from '../input.ts'
import { type Action, action, answer } from '../route.ts'

const MOST_TEXT = 256
const MOST_DATA = 1 << 16
const part = optional(name)
const ofLimiter = { space: name, limiter: name, subject, per: part }
const LIMITER = ['space', 'limiter', 'subject'] as const
const ofChannel = { space: name, notifier: name, channel: text(MOST_TEXT) }
const CHANNEL = ['space', 'notifier', 'channel'] as const

type Names = Extract<
  keyof DashboardActions,
  `limiter.${string}` | `board.${string}` | `channel.${string}` | `notifier.${string}` | `lock.${string}`
>

export const otherActions: { readonly [Name in Names]: Action } = {
  'limiter.block': action(
    { ...ofLimiter, duration: text(32), reason: text(MOST_TEXT) },
    [...LIMITER, 'duration', 'reason'],
    async ({ space, limiter, subject: of, per, duration, reason }, { inspector }) => {
      const opened = await inspector.limiter(space, limiter)
      await opened.block(of, { duration: duration as '1h', reason, ...(per === undefined ? {} : { per }) })
      return {
        changed: true,
        text: duration === 'forever' ? 'Blocked until it is unblocked.' : `Blocked for ${duration}.`,
      }
    },
  ),
  'limiter.unblock': action(
    ofLimiter,
    LIMITER,
    async ({ space, limiter, subject: of, per }, { inspector }) => {
      const opened = await inspector.limiter(space, limiter)
      const changed = await opened.unblock(of, per === undefined ? {} : { per })
      return answer(changed, 'It is not blocked any more.', 'It was not blocked.')
    },
  ),
  'limiter.reset': action(ofLimiter, LIMITER, async ({ space, limiter, subject: of, per }, { inspector }) => {
    const opened = await inspector.limiter(space, limiter)
    const { found } = await opened.reset(of, per === undefined ? {} : { per })
    return answer(found, 'Its quota is full again.', 'Nothing was stored about it.')
  }),

  'board.remove': action(
    { space: name, board: name, member: text(MOST_TEXT) },
    ['space', 'board', 'member'],
    async ({ space, board, member }, { inspector }) => {
      const changed = await (await inspector.leaderboard(space, board)).remove(member)
      return answer(changed, 'The member is removed from every window.', 'The member was not on the board.')
    },
  ),

  'channel.publish': action(
    { ...ofChannel, type: optional(text(128)), json: text(MOST_DATA) },
    CHANNEL,
    async ({ space, notifier, channel, type, json }, { inspector }) => {
      let data: unknown
      try {
        data = JSON.parse(json)
      } catch {
        throw new Refusal('invalid', '"json" is no JSON.')
      }
      const opened = await inspector.notifier(space, notifier)
      const id = await opened.publish(channel, data, type === undefined ? {} : { type })
      return { changed: true, text: 'Published.', id }
    },
  ),
  'channel.clear': action(ofChannel, CHANNEL, async ({ space, notifier, channel }, { inspector }) => {
    await (await inspector.notifier(space, notifier)).clear(channel)
    return { changed: true, text: 'The history is deleted.' }
  }),
  'notifier.revoke': action(
    {
      space: name,
      notifier: name,
      user: text(MOST_TEXT),
      channels: optional(listOf(text(MOST_TEXT), 100)),
    },
    ['space', 'notifier', 'user'],
    async ({ space, notifier, user, channels }, { inspector }) => {
      await (await inspector.notifier(space, notifier)).revoke(user, channels)
      const which = channels === undefined ? 'all channels' : `${channels.length} channels`
      return { changed: true, text: `The rights of the user to ${which} are ended.` }
    },
  ),

  'lock.release': action(
    { space: name, lock: name, key: text(MOST_TEXT), fence: whole(1, Number.MAX_SAFE_INTEGER) },
    ['space', 'lock', 'key', 'fence'],
    async ({ space, lock, key, fence }, { inspector }) => {
      const changed = await inspector.forceRelease(space, lock, key, fence)
      return answer(changed, 'The lease is ended.', 'That lease is not in force any more.')
    },
  ),
}
