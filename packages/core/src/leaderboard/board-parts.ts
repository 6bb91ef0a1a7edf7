import type { Gate } from '../redis/batch.ts'
import type { SeasonParts } from './reads.ts'

/** What functions over several boards need of each. */
export interface BoardParts extends SeasonParts {
  readonly gate: Gate
}

const boards = new WeakMap<object, BoardParts>()

/** A board registers its parts. */
export function withParts<Board extends object>(board: Board, parts: BoardParts): Board {
  boards.set(board, parts)
  return board
}

export function partsOf(board: unknown): BoardParts | undefined {
  return typeof board === 'object' && board !== null ? boards.get(board) : undefined
}
