import { invalid } from '../errors.ts'
import type { Runtime } from '../redis/penknife.ts'
import { type BoardParts, partsOf } from './board-parts.ts'
import type { Window } from './options.ts'
import type { AnyLeaderboard } from './types.ts'

/** The parts of boards of one space and one connection, which are an argument. */
export function partsOfBoards(boards: readonly AnyLeaderboard[], most: number): readonly BoardParts[] {
  if (!Array.isArray(boards) || boards.length < 1 || boards.length > most)
    throw invalid('boards', boards, `give a list of 1 to ${most} boards`)
  // A copy, because the caller may change the array.
  const parts = (boards as readonly AnyLeaderboard[]).map((board) => {
    const found = partsOf(board)
    if (!found) throw invalid('boards', board, 'give boards made by createLeaderboard')
    return found
  })
  const [first] = parts as [BoardParts]
  const stranger = parts.find((each) => !isBeside(first.space, first.runtime, each))
  if (stranger)
    throw invalid(
      'boards',
      stranger.name,
      `give boards of one space and one connection, those of '${first.name}'`,
    )
  return parts
}

/** Whether a board is in a space, and on the same connection. */
export function isBeside(space: string, { subscriber }: Runtime, board: BoardParts): boolean {
  return board.space === space && board.runtime.subscriber === subscriber
}

/** The window with a name, or the first, of a board that is read together with others. */
export function commonWindow({ name, settings }: BoardParts, wanted: string | undefined): Window {
  const { windows } = settings
  const found = wanted === undefined ? windows[0] : windows.find((each) => each.name === wanted)
  if (!found)
    throw invalid(
      'window',
      wanted,
      `board '${name}' has the windows ${windows.map((each) => each.name).join(', ')}`,
    )
  if (found.kind === 'rolling')
    throw invalid(
      'window',
      found.name,
      `it is a rolling window of board '${name}': read that board by itself`,
    )
  return found
}
