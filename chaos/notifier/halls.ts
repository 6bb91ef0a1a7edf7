import { createNotifier, createPresence, type Notifier, type Penknife, type Presence } from '@penknife/core'

import { SPACE } from './plan.ts'

/** Channels with a list of who is there. */
export const HALLS = ['hall:1', 'hall:2']
export const GUESTS = ['ann', 'bob', 'cem', 'dan']
/** More events than a run has, so that the whole history can be checked. */
const HISTORY = 50_000

/** The list of who is in the halls, whose changes are events. */
export function openHalls(penknife: Penknife): { readonly presence: Presence; readonly notifier: Notifier } {
  const space = penknife.space(SPACE)
  const notifier = createNotifier(space, 'halls', { history: HISTORY })
  return {
    notifier,
    presence: createPresence(space, 'halls', { lease: '3s', grace: '300ms', announce: notifier }),
  }
}

/** The key of a hall's history. */
export function hallKey(hall: string): string {
  return `pk1:{${SPACE}}:notify:halls:${hall}`
}

/** While this file exists in a run's folder, guests stay where they are. */
export const QUIET = 'quiet'
