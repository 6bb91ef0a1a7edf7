import type { Topic } from '../events.ts'
import type { Reply } from '../redis/script.ts'
import type { BoardEvent } from './event-types.ts'

/** Which changes of rank are reported. */
export interface RankEventSettings {
  readonly window: string
  readonly top: number
  readonly overtaken: number
}

/** Emits the changes of rank made by an update, from the script's reply. */
export function emitRankEvents(
  topic: Topic<BoardEvent>,
  about: { readonly space: string; readonly name: string },
  { window, top }: RankEventSettings,
  member: string,
  reply: readonly Reply[],
): void {
  const [from, to, entered, left, passed] = reply as [
    number | null,
    number | null,
    string | null,
    string | null,
    readonly string[],
  ]
  const rank = (position: number | null): number | null => (position === null ? null : position + 1)
  const place = { ...about, window }
  if (from !== to) topic.emit({ kind: 'rank', ...place, member, previousRank: rank(from), rank: rank(to) })
  if (entered !== null) topic.emit({ kind: 'entered', ...place, member: entered, top })
  if (left !== null) topic.emit({ kind: 'left', ...place, member: left, top })
  for (const [at, behind] of passed.entries()) {
    topic.emit({ kind: 'overtaken', ...place, member: behind, by: member, rank: Number(to) + at + 2 })
  }
}
