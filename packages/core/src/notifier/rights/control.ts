import { within } from '../limits.ts'
import type { ControlChannel } from './control-channel.ts'

/** Gets the revocations of its user. */
export interface RightsListener {
  readonly user: string
  /** The rights to these channels ended; undefined: to all channels. May be called again for the same revocation. */
  revoked(channels: readonly string[] | undefined): void
  /** Revocations were lost, so the remaining rights are unknown. */
  lost(): void
  /** From now on revocations may be missing, until `complete` is called. */
  incomplete(): void
  /** All revocations so far were delivered. */
  complete(): void
}

/** Delivers the revocations of a notifier to the listeners of this process. */
export interface Control {
  /** Resolves when every later revocation will be delivered. */
  join(listener: RightsListener): Promise<void>
  leave(listener: RightsListener): void
  /** Whether all revocations so far were delivered. */
  readonly complete: boolean
  revoke(user: string, channels: readonly string[] | undefined): Promise<void>
}

/** Follows the control channel while there are listeners. */
export function createControl(channel: ControlChannel, deadlineMs: number): Control {
  const listeners = new Map<string, Set<RightsListener>>()
  /** Ends the joins in progress. An error means that the revocations cannot be read. */
  const joining = new Set<(error?: unknown) => void>()
  let state: 'idle' | 'incomplete' | 'complete' = 'idle'
  let stop = (): void => {}

  function allListeners(): RightsListener[] {
    return [...listeners.values()].flatMap((ofUser) => [...ofUser])
  }

  function endJoins(error?: unknown): void {
    for (const end of joining) end(error)
    joining.clear()
  }

  function follow(): void {
    state = 'incomplete'
    stop = channel.follow({
      revoked({ user, channels }) {
        for (const listener of listeners.get(user) ?? []) listener.revoked(channels)
      },
      lost() {
        for (const listener of allListeners()) listener.lost()
      },
      interrupted() {
        if (state !== 'complete') return
        state = 'incomplete'
        for (const listener of allListeners()) listener.incomplete()
      },
      caughtUp() {
        if (state !== 'incomplete') return
        state = 'complete'
        endJoins()
        for (const listener of allListeners()) listener.complete()
      },
      failed: endJoins,
    })
  }

  function leave(listener: RightsListener): void {
    const ofUser = listeners.get(listener.user)
    if (!ofUser?.delete(listener) || ofUser.size > 0) return
    listeners.delete(listener.user)
    if (listeners.size > 0) return
    state = 'idle'
    stop()
    stop = () => {}
    // Their users were revoked meanwhile, so nothing waits for these joins.
    endJoins()
  }

  return {
    async join(listener) {
      const ofUser = listeners.get(listener.user)
      if (ofUser) ofUser.add(listener)
      else listeners.set(listener.user, new Set([listener]))
      let end = (_error?: unknown): void => undefined
      try {
        if (state === 'idle') follow()
        if (state === 'complete') return
        const ready = new Promise<void>((resolve, reject) => {
          end = (error) => (error === undefined ? resolve() : reject(error))
        })
        joining.add(end)
        await within('admit', deadlineMs, ready)
      } catch (error) {
        joining.delete(end)
        leave(listener)
        throw error
      }
    },
    leave,
    get complete() {
      return state === 'complete'
    },
    revoke: (user, channels) => channel.publish(channels === undefined ? { user } : { user, channels }),
  }
}
