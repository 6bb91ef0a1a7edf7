import { within } from '../limits.ts'
import type { ControlChannel } from './control-channel.ts'

/** Learns of the revocations of its user. */
export interface RightsListener {
  readonly user: string
  /** Rights to these channels ended; to all of them without. May be called again for the same revocation. */
  revoked(channels: readonly string[] | undefined): void
  /** Revocations were lost: nobody knows what rights there still are. */
  lost(): void
  /** From now on revocations may be missed, until `sure` says that all of them were given out. */
  unsure(): void
  sure(): void
}

/** The listeners of this process, each of which learns when its user's rights end. */
export interface Control {
  /** Resolves when every revocation from now on will be given out. */
  join(listener: RightsListener): Promise<void>
  leave(listener: RightsListener): void
  /** Whether all revocations so far were given out. */
  readonly sure: boolean
  revoke(user: string, channels: readonly string[] | undefined): Promise<void>
}

/** Follows the control channel while somebody listens. */
export function createControl(channel: ControlChannel, deadlineMs: number): Control {
  const listeners = new Map<string, Set<RightsListener>>()
  /** Joins under way; a fault is why the revocations cannot be read. */
  const joining = new Set<(fault?: unknown) => void>()
  let state: 'idle' | 'unsure' | 'sure' = 'idle'
  let stop = (): void => {}

  function everybody(): RightsListener[] {
    return [...listeners.values()].flatMap((ofUser) => [...ofUser])
  }

  function endJoins(fault?: unknown): void {
    for (const end of joining) end(fault)
    joining.clear()
  }

  function follow(): void {
    state = 'unsure'
    stop = channel.follow({
      revoked({ user, channels }) {
        for (const listener of listeners.get(user) ?? []) listener.revoked(channels)
      },
      lost() {
        for (const listener of everybody()) listener.lost()
      },
      interrupted() {
        if (state !== 'sure') return
        state = 'unsure'
        for (const listener of everybody()) listener.unsure()
      },
      caughtUp() {
        if (state !== 'unsure') return
        state = 'sure'
        endJoins()
        for (const listener of everybody()) listener.sure()
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
    // Their users were revoked meanwhile: nobody waits for them any more.
    endJoins()
  }

  return {
    async join(listener) {
      const ofUser = listeners.get(listener.user)
      if (ofUser) ofUser.add(listener)
      else listeners.set(listener.user, new Set([listener]))
      let end = (_fault?: unknown): void => undefined
      try {
        if (state === 'idle') follow()
        if (state === 'sure') return
        const ready = new Promise<void>((resolve, reject) => {
          end = (fault) => (fault === undefined ? resolve() : reject(fault))
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
    get sure() {
      return state === 'sure'
    },
    revoke: (user, channels) => channel.publish(channels === undefined ? { user } : { user, channels }),
  }
}
