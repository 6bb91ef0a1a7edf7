import type { Presence, PresenceMembership } from '@penknife/core'
import { runSafely } from '@penknife/core/internal'

/** A list of members, as sessions use it. */
export type Members = Pick<Presence, 'join'>

/** The memberships of a connection's user, one in each channel. */
export class Memberships {
  readonly #of = new Map<string, PresenceMembership>()

  constructor(members: Members, user: string, channels: readonly string[]) {
    for (const channel of channels) {
      runSafely('join of presence failed', () => void this.#of.set(channel, members.join(channel, user)))
    }
  }

  leave(channels: readonly string[]): void {
    for (const channel of channels)
      runSafely('leave of presence failed', () => this.#of.get(channel)?.leave())
  }
}
