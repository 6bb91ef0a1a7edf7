import type { NotifierAdmission, NotifierAdmissionEnd, Notifier } from '@penknife/core'

/** A connection of a user, and the changes of its rights. */
export interface Guest {
  readonly admission: NotifierAdmission
  /** The channels that were revoked, one list for each time. */
  readonly revoked: readonly (readonly string[])[]
  readonly ended: NotifierAdmissionEnd | undefined
}

export async function admit(notifier: Notifier, user: string, most?: number): Promise<Guest> {
  const revoked: (readonly string[])[] = []
  let ended: NotifierAdmissionEnd | undefined
  const admission = await notifier.admit(user, {
    onRevoked: (channels) => revoked.push(channels),
    onEnd: (reason) => (ended = reason),
  })
  if (most !== undefined) await admission.limit(most)
  return {
    admission,
    revoked,
    get ended() {
      return ended
    },
  }
}
