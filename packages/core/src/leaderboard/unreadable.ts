import { quoted } from '../text.ts'
import { warn } from '../warn.ts'

/** Creates the function that warns of member data that are not JSON. It warns once, since many members may have such data. */
export function createUnreadable(board: string): (member: string, text: string) => void {
  let warned = false
  return (member, text) => {
    if (warned) return
    warned = true
    warn(
      'PENKNIFE_UNREADABLE_DATA',
      `leaderboard '${board}': the data of ${quoted(member, 80)} are not JSON and were read as null: ` +
        `${quoted(text, 80)}. Store them again with describe(), ` +
        "and find the program that writes to the board's keys. Further cases are not reported",
    )
  }
}
