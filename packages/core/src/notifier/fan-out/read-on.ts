import { isBeginning, type Position, positionOf } from '../position.ts'
import type { Step } from '../pages.ts'
import type { History } from './types.ts'

/** The most events of a page. A page also ends at about 128 KiB. */
export const PAGE = 200

/** How a follower continues after a position. */
export type Continuation =
  /** At a position, without the events before it. `lost`: some events before it can no longer be read. */
  | { readonly kind: 'start'; readonly at: Position; readonly lost: boolean }
  | { readonly kind: 'events'; readonly steps: readonly Step[]; readonly end: Position }
  | { readonly kind: 'cancelled' }

const CANCELLED: Continuation = { kind: 'cancelled' }

/** Reads the next events after a position. 'cancelled' also when the history changed during the read: then read again. */
export async function readOn(
  history: History,
  from: Position,
  cancelled: () => boolean,
): Promise<Continuation> {
  if (from.id === '+') return { kind: 'start', at: positionOf(await history.end()), lost: false }
  const section = await history.since(from.id, PAGE, cancelled)
  if (!section || cancelled()) return CANCELLED
  const end = section.end ?? positionOf(await history.end())
  if (cancelled()) return CANCELLED
  if (section.lost) return { kind: 'start', at: end, lost: true }
  // A history began meanwhile: read again, because '-' is before its first event.
  if (!section.end && !isBeginning(end.id)) return CANCELLED
  return { kind: 'events', steps: section.steps, end }
}
