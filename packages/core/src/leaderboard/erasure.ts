import { PenknifeError } from '../errors.ts'
import type { Runtime } from '../redis/penknife.ts'
import { leaderboardErase, leaderboardEraseIds } from '../redis/scripts.gen.ts'
import { errorText } from '../text.ts'
import type { Settings } from './options.ts'
import type { KeyOf } from './windows.ts'

/**
 * Erases the name of a removed member from the logs of the board. One script call for each 256 increments in the log of a
 * rolling window, and for each 128 stored ids.
 */
export function createErasure(
  { bind, keys: { route } }: Runtime,
  { windows, dedupWindow }: Settings,
  keyOf: KeyOf,
): (member: string) => Promise<void> {
  const ports = windows.flatMap((window) => {
    if (window.kind !== 'rolling') return []
    const parts = window.grain > 0 ? ['log', 'gone', 'parts'] : ['log', 'gone']
    return [bind(leaderboardErase, [parts.map((part) => keyOf('window', window.name, part))])]
  })
  if (dedupWindow !== undefined) ports.push(bind(leaderboardEraseIds, [[keyOf('ids'), keyOf('idlog')]]))

  return async (member) => {
    const erasing = ports.map(async (port) => {
      for (let from: string | null = '-'; from !== null;) from = await port(route, member, from)
    })
    const failed = (await Promise.allSettled(erasing)).find((each) => each.status === 'rejected')
    if (!failed) return
    throw new PenknifeError(
      'PENKNIFE_FATE_UNKNOWN',
      `the member was removed, but its name was not erased everywhere; call remove again: ${errorText(failed.reason)}`,
      { cause: failed.reason, fate: 'unknown' },
    )
  }
}
