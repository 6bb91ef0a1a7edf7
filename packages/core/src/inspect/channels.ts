import { durationMs } from '../duration.ts'
import { checkHistory } from '../notifier/checks.ts'
import type { NotifierOptions } from '../notifier/options.ts'
import { toPage } from '../notifier/pages.ts'
import type { NotifierHistoryOptions, NotifierHistoryPage } from '../notifier/types.ts'
import type { Space } from '../redis/penknife.ts'
import { notifierSince } from '../redis/scripts.gen.ts'

/** Reads a page of a channel's history, and fixes no position for a channel without one. One script call. */
export async function readHistory(
  space: Space,
  name: string,
  { age }: NotifierOptions,
  channel: string,
  page: NotifierHistoryOptions,
): Promise<NotifierHistoryPage> {
  const { after, limit } = checkHistory(channel, page)
  const { keys, bind } = space.runtime
  const since = bind(notifierSince, [age === undefined ? 0 : durationMs('age', age)])
  const reply = await since(keys.route, keys.history(name, channel), keys.beginnings(name), after, limit)
  return toPage(channel, reply)
}
