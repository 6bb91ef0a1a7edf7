import type { Admission, AdmissionEnd, AnyNotifier } from '@penknife/core'

/** What is done when a user's rights end while the connection's stream is open. */
export interface GuestStream {
  /** Of these channels the client's own may have been among them. */
  revoked(channels: readonly string[]): void
  ended(reason: AdmissionEnd): void
}

/** One connection of a user, from before anybody asked what the user may until it is gone. */
export interface Guest {
  readonly admission: Admission
  /** What happened to its rights before its stream began. */
  readonly turnedAway: AdmissionEnd | undefined
  begin(stream: GuestStream): void
  close(): void
}

export async function admitGuest(
  notifier: AnyNotifier,
  user: string,
  channels: readonly string[],
): Promise<Guest> {
  let stream: GuestStream | undefined
  let turnedAway: AdmissionEnd | undefined
  const admission = await notifier.admit(user, {
    onRevoked(revoked) {
      if (stream) stream.revoked(revoked)
      // While it is being asked what the user may, the answer may be the old one or the new.
      else if (revoked.some((channel) => channels.includes(channel))) turnedAway = 'revoked'
    },
    onEnd(reason) {
      turnedAway = reason
      stream?.ended(reason)
    },
  })
  return {
    admission,
    get turnedAway() {
      return turnedAway
    },
    begin: (begun) => (stream = begun),
    close: () => admission.close(),
  }
}
