import { invalid } from '../errors.ts'
import { checkText } from '../options.ts'

const LONGEST_ID = 128

/** Checks the id of an increment. `dedupWindow` is undefined on a board that stores no ids. */
export function checkIncrementId(dedupWindow: number | undefined, id: string): string {
  if (dedupWindow === undefined) {
    throw invalid('id', id, "create the board with dedup: { window: '1d' }, so that it stores ids")
  }
  return checkText('id', id, LONGEST_ID)
}
