import type { Duration } from '@penknife/core'
import { checkOptions, durationMs } from '@penknife/core/internal'

import { poll } from './poll.ts'

/** For how long to wait. */
export interface DeliveredOptions {
  /** How long it may take. Default: 5 s. */
  readonly within?: Duration | undefined
}

/** What `delivered` needs of a notifier. */
export interface DeliveringNotifier {
  readonly name: string
  behind(): Promise<string[]>
}

/**
 * Resolves when every subscription of this process that is not paused was given all events that its channels have: `onEvent` was
 * called for each. Clients of an event stream were sent them; their sockets may not have received them yet. Nudges are
 * kept nowhere, so nobody can tell whether they arrived.
 *
 * Cost: XREVRANGE for each channel that is followed, every 10 ms.
 *
 * @throws PENKNIFE_INVALID for a wrong option; Error when it is not so within the time, with the channels that are behind.
 */
export async function delivered(notifier: DeliveringNotifier, options: DeliveredOptions = {}): Promise<void> {
  checkOptions('delivered', options, ['within'])
  await poll(durationMs('within', options.within ?? 5000), async (withinMs) => {
    const behind = await notifier.behind()
    if (behind.length === 0) return undefined
    return `notifier '${notifier.name}' has not delivered everything after ${withinMs} ms: ${behind.join(', ')}`
  })
}
