import type { Runtime } from '../redis/penknife.ts'
import { notifierClear, notifierEnd, notifierSince, notifierTop } from '../redis/scripts.gen.ts'
import type { History } from './fan-out/types.ts'
import { limitReads } from './limits.ts'
import { toPage, toSection } from './pages.ts'
import { isBeginning } from './position.ts'
import type { NotifierHistoryPage } from './types.ts'

/** How many pages of history a notifier reads at once, so that clients that catch up do not delay other calls. */
const MAX_READS = 16

/** Reads the histories of a notifier's channels. */
export interface Histories {
  /** For the followers of a channel. */
  of(channel: string): History
  page(channel: string, after: string, count: number): Promise<NotifierHistoryPage>
  /** The position at the end. Without a history it fixes the epoch of the next one, and returns the position before it. */
  end(channel: string): Promise<string>
  /** Deletes the history, and tells its followers. */
  clear(channel: string): Promise<void>
  /** How many reads of followers Redis has answered: it grows while waiting callers make progress. */
  readonly answered: number
}

/** @param age milliseconds after which an event is deleted; 0: no limit */
export function createHistories(name: string, { keys, bind }: Runtime, age: number): Histories {
  const { route } = keys
  const next = keys.beginnings(name)
  const since = bind(notifierSince, [age])
  const top = bind(notifierTop, [])
  const end = bind(notifierEnd, [])
  const clear = bind(notifierClear, [])
  const read = limitReads(MAX_READS)
  let answered = 0

  function count<Reply>(reply: Reply): Reply {
    answered += 1
    return reply
  }

  async function page(channel: string, after: string, most: number): Promise<NotifierHistoryPage> {
    const key = keys.history(name, channel)
    const reply = await since(route, key, next, after, most)
    const [state, last] = reply
    if (last !== '') return toPage(channel, reply)
    const position = await end(route, key, next)
    if (state === 'lost' || isBeginning(position)) return toPage(channel, reply, position)
    // A history began meanwhile: read again, because '-' is before its first event.
    return page(channel, after, most)
  }

  return {
    of(channel) {
      const key = keys.history(name, channel)
      return {
        since: (position, most, cancelled) =>
          read(
            `${channel}\n${position}`,
            () => !cancelled(),
            async () => toSection(channel, count(await since(route, key, next, position, most))),
          ),
        top: async () => count(await top(route, key)),
        end: async () => count(await end(route, key, next)),
      }
    },
    page,
    end: (channel) => end(route, keys.history(name, channel), next),
    async clear(channel) {
      await clear(route, keys.history(name, channel), next, keys.live(name, channel))
    },
    get answered() {
      return answered
    },
  }
}
