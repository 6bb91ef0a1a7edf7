import { runSafely } from '../../callbacks.ts'
import type { NotifierEvent } from '../events.ts'
import type { Position } from '../position.ts'
import type { NotifierAudience } from '../subscription-types.ts'
import { Follower } from './follower.ts'
import type { FollowerGroup } from './follower.ts'
import type { Source } from './types.ts'

/** The followers of one audience at one position. The group's own follower delivers to the audience for all of them. */
class Group implements FollowerGroup {
  readonly follower: Follower
  readonly #alone: Set<Follower>
  readonly #ended: () => void
  #members = 0

  /** @param alone the followers of the channel that deliver themselves; the group's own is one of them */
  constructor(follower: Follower, alone: Set<Follower>, ended: () => void) {
    this.follower = follower
    this.#alone = alone
    this.#ended = ended
    alone.add(follower)
  }

  get position(): Position {
    return this.follower.position
  }

  /** Adds a live follower at the same position. */
  add(member: Follower): void {
    this.#members += 1
    this.#alone.delete(member)
    member.join(this)
  }

  left(member: Follower): void {
    this.#members -= 1
    this.#alone.add(member)
    if (this.#members > 0) return
    this.follower.close()
    this.#alone.delete(this.follower)
    this.#ended()
  }
}

/** The groups of a channel, one for each audience. An event is one step for all followers of a group. */
export interface Groups {
  /** Adds a follower to its audience's group, if both are live and at the same position. */
  gather(follower: Follower): void
  /** The same for all followers that deliver themselves. */
  gatherAll(): void
}

/** @param alone the followers of the channel that deliver themselves */
export function createGroups(source: Source, alone: Set<Follower>): Groups {
  const groups = new Map<NotifierAudience, Group>()

  function begin(audience: NotifierAudience, { position, getState }: Follower): Group {
    const follower = Follower.live(source, position, {
      deliver: (event) => deliver(audience, event),
      getState,
      caughtUp: gatherAll,
    })
    const group = new Group(follower, alone, () => groups.delete(audience))
    groups.set(audience, group)
    return group
  }

  function gather(follower: Follower): void {
    const { audience } = follower
    if (!audience || follower.state !== 'live') return
    const group = groups.get(audience) ?? begin(audience, follower)
    if (group.follower.state !== 'live' || group.position.id !== follower.position.id) return
    group.add(follower)
  }

  function gatherAll(): void {
    if (alone.size > groups.size) for (const follower of alone) gather(follower)
  }

  return { gather, gatherAll }
}

function deliver(audience: NotifierAudience, event: NotifierEvent): void {
  runSafely('onEvent of an audience failed', () => audience.onEvent(event))
}
