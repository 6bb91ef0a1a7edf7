import type { Runtime } from '../redis/penknife.ts'
import { notifierEnd, notifierSince, notifierTop } from '../redis/scripts.gen.ts'
import type { History } from './fan-out/types.ts'
import { limitReads } from './limits.ts'
import { toPage, toSection } from './pages.ts'
import { isBeginning } from './position.ts'
import type { NotifierHistoryPage } from './types.ts'

/** Pages of history that a notifier reads at once: clients that catch up must not crowd out everything else. */
const READS = 16

/** The histories of a notifier's channels, as they are read. */
export interface Histories {
  /** As the followers of a channel read it. */
  of(channel: string): History
  page(channel: string, after: string, count: number): Promise<NotifierHistoryPage>
  /** The position at the end; without a history the one before the next, whose beginning is fixed now. */
  end(channel: string): Promise<string>
  /** How many reads of followers Redis answered: it grows while those who wait make progress. */
  readonly answered: number
}

/** @param age milliseconds for which an event is kept; 0 without that bound */
export function createHistories(name: string, { keys, bind }: Runtime, age: number): Histories {
  const { route } = keys
  const next = keys.beginnings(name)
  const since = bind(notifierSince, [age])
  const top = bind(notifierTop, [])
  const end = bind(notifierEnd, [])
  const read = limitReads(READS)
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
    // A history began meanwhile, and '-' is before its first event.
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
    get answered() {
      return answered
    },
  }
}
