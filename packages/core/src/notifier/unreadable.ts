import { cut } from '../text.ts'

/** Reports a text from Redis that cannot be read, and where it was found. */
export type Unreadable = (where: string, text: string) => void

/** Reports once for each notifier: other writers to Redis could cause it without end. */
export function createUnreadable(of: string): Unreadable {
  let reported = false
  return (where, text) => {
    if (reported) return
    reported = true
    process.emitWarning(
      `${of}: ${where} holds what penknife did not write, and it was left out: ${JSON.stringify(cut(text, 80))}. ` +
        'Look who else writes to these keys and channels. Further ones are not reported',
      { type: 'PenknifeWarning', code: 'unreadable-message' },
    )
  }
}
