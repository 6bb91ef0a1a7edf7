import { invalid } from '../errors.ts'
import { checkName, checkText, wholeNumber } from '../options.ts'
import { readReply } from '../redis/failures.ts'
import type { Space } from '../redis/penknife.ts'
import { guardForceUnlock, guardLocked } from '../redis/scripts.gen.ts'
import { CLAIM_MS } from '../guard/tickets.ts'
import type { InspectedLock } from './explain-types.ts'
import { spanText } from './spans.ts'

const LONGEST_KEY = 512

function placeOf(space: Space, name: string, key: string): readonly [lock: string, queue: string] {
  checkName('lock name', name)
  checkText('key', key, LONGEST_KEY)
  const { keys } = space.runtime
  return [keys.guardOf('lock', name, key), keys.guardOf('lock-queue', name, key)]
}

/** Who has the lock of a key, from one script call that only reads. */
export async function explainLock(space: Space, name: string, key: string): Promise<InspectedLock> {
  const { keys, bind } = space.runtime
  const locked = bind(guardLocked, [], undefined, `lock '${name}' of space '${space.name}'`)
  const reply = await locked(keys.route, ...placeOf(space, name, key))
  return readReply(guardLocked.name, () => {
    const [left, fence, label, tickets] = reply
    const about = { space: space.name, lock: name, key, changesInMs: Number(left), waiting: Number(tickets) }
    const queue =
      about.waiting === 0
        ? 'Nobody waits.'
        : about.waiting === 1
          ? '1 caller waits.'
          : `${about.waiting} callers wait.`
    if (fence === '' || fence === undefined) {
      const text =
        about.waiting === 0 ? 'It is free.' : `It is free, and ${about.waiting} callers are before yours.`
      return { ...about, reason: 'free', text, holder: undefined, fence: undefined, changesInMs: 0 }
    }
    if (fence === '0') {
      const text = `It is free and offered to the first waiting caller for ${spanText(about.changesInMs)}. ${queue}`
      return { ...about, reason: 'offered', text, holder: undefined, fence: undefined }
    }
    const text = `${String(label)} has it. Its lease ends in ${spanText(about.changesInMs)} unless it is renewed. ${queue}`
    return { ...about, reason: 'held', text, holder: String(label), fence: Number(fence) }
  })
}

/** Ends the lease with this fence. One script call. */
export async function forceRelease(space: Space, name: string, key: string, fence: number): Promise<boolean> {
  if (!Number.isSafeInteger(fence)) throw invalid('fence', fence, "give the 'fence' that explain returned")
  wholeNumber('fence', fence, 1, Number.MAX_SAFE_INTEGER)
  const { keys, bind } = space.runtime
  // The beginning of the channels of waiting processes, as createLock has it.
  const channel = keys.guardLive('lock-process', name, '')
  const unlock = bind(
    guardForceUnlock,
    [channel, CLAIM_MS],
    undefined,
    `lock '${name}' of space '${space.name}'`,
  )
  return (await unlock(keys.route, ...placeOf(space, name, key), String(fence))) === 1
}
