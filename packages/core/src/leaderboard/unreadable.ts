import { quoted } from '../text.ts'

/** Says of data that cannot be read whose they are: once of a board, since many of them may be so. */
export function createUnreadable(board: string): (member: string, text: string) => void {
  let said = false
  return (member, text) => {
    if (said) return
    said = true
    process.emitWarning(
      `leaderboard '${board}': the data of ${quoted(member, 80)} are no JSON, and were read as null: ` +
        `${quoted(text, 80)}. Write them again by describe(); ` +
        "find out which other program writes to the board's keys. Further ones are not reported",
      { type: 'PenknifeWarning', code: 'unreadable-data' },
    )
  }
}
