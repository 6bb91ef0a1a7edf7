import type { Topic } from '../events.ts'
import { cut, printable } from '../text.ts'
import { warn } from '../warn.ts'
import type { NotifierNotice } from './events.ts'

/** The most characters of such a text in an event or a warning. */
const LONGEST = 80

/** Reports a text in Redis that penknife did not write, and its key or channel. */
export type Unreadable = (where: string, text: string) => void

/**
 * Emits an event for each such text. If nobody listens, it warns once for each notifier, because another writer to Redis
 * could cause any number of them.
 */
export function createUnreadable(
  about: { readonly space: string; readonly name: string },
  title: string,
  notices: Topic<NotifierNotice>,
): Unreadable {
  let warned = false
  return (where, text) => {
    if (notices.hasListeners) notices.emit({ ...about, kind: 'unreadable', where, text: cut(text, LONGEST) })
    else if (!warned) {
      warned = true
      warn(
        'PENKNIFE_UNREADABLE_MESSAGE',
        `${title}: ${where} contains text that penknife did not write, which is ignored: ` +
          `'${printable(text, LONGEST)}'. Find out which program writes to it. Further ones are not reported`,
      )
    }
  }
}
