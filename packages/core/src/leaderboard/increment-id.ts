import { invalid } from '../errors.ts'
import { checkText } from '../options.ts'

const LONGEST_ID = 128

/** The id of an increment, on a board that remembers them. */
export function checkIncrementId(remember: number | undefined, id: string): string {
  if (remember === undefined)
    throw invalid('id', id, "make the board with remember: '1d', so that it keeps ids")
  return checkText('id', id, LONGEST_ID)
}
