import type { Topic } from '../events.ts'
import type { Reply } from '../redis/script.ts'
import type { BoardEvent } from './event-types.ts'
import type { BoardEventOptions } from './option-types.ts'

/** Emits the changes of rank that an update made, from what the script found. */
export function emitRankEvents(
  topic: Topic<BoardEvent>,
  board: string,
  { window, top }: Required<BoardEventOptions>,
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
  const about = { board, window }
  if (from !== to) topic.emit({ kind: 'rank', ...about, member, previousRank: rank(from), rank: rank(to) })
  if (entered !== null) topic.emit({ kind: 'entered', ...about, member: entered, top })
  if (left !== null) topic.emit({ kind: 'left', ...about, member: left, top })
  for (const [at, behind] of passed.entries()) {
    topic.emit({ kind: 'overtaken', ...about, member: behind, by: member, rank: Number(to) + at + 2 })
  }
}
