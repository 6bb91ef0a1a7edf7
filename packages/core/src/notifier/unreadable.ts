import { cut } from '../text.ts'

/** Tells of a text from Redis that cannot be read, and where it came from. */
export type Unreadable = (where: string, text: string) => void

/** Says it once of a notifier: who may write to Redis could say it without end. */
export function createUnreadable(of: string): Unreadable {
  let said = false
  return (where, text) => {
    if (said) return
    said = true
    process.emitWarning(
      `${of}: ${where} holds what penknife did not write, and it was left out: ${JSON.stringify(cut(text, 80))}. ` +
        'Look who else writes to these keys and channels. Further ones are not reported',
      { type: 'PenknifeWarning', code: 'unreadable-message' },
    )
  }
}
