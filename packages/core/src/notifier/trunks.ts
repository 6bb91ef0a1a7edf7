import { runSafely } from '../callbacks.ts'
import type { NotifierEvent } from './events.ts'
import type { Lane } from './lane.ts'
import type { Audience } from './types.ts'

/** A lane that goes on for all lanes of an audience that are at its place. */
export class Trunk {
  readonly lane: Lane
  readonly #lanes: Set<Lane>
  readonly #end: () => void
  #riders = 0

  constructor(lane: Lane, lanes: Set<Lane>, end: () => void) {
    this.lane = lane
    this.#lanes = lanes
    this.#end = end
    lanes.add(lane)
  }

  /** A lane at the same place, which is told nothing from now on. */
  take(rider: Lane): void {
    this.#riders += 1
    this.#lanes.delete(rider)
    rider.ride(this)
  }

  /** A lane goes on by itself. */
  parted(rider: Lane): void {
    this.#riders -= 1
    this.#lanes.add(rider)
    if (this.#riders > 0) return
    this.lane.close()
    this.#lanes.delete(this.lane)
    this.#end()
  }
}

/** The trunks of a channel, one for each audience: an event is one step for all lanes that are there. */
export interface Trunks {
  /** Puts a lane on its audience's trunk if both are live and at the same place. */
  gather(lane: Lane): void
  /** The same for all that are told the channel's events themselves. */
  gatherAll(): void
}

/** Over the lanes that are told the channel's events, among which the trunks' are. */
export function createTrunks(lanes: Set<Lane>): Trunks {
  const trunks = new Map<Audience, Trunk>()

  function begin(audience: Audience, at: Lane): Trunk {
    const lane = at.fork({ deliver: (event) => tell(audience, event), caughtUp: gatherAll })
    const trunk = new Trunk(lane, lanes, () => trunks.delete(audience))
    trunks.set(audience, trunk)
    return trunk
  }

  function gather(lane: Lane): void {
    const { audience } = lane
    if (!audience || !lane.live) return
    const trunk = trunks.get(audience) ?? begin(audience, lane)
    if (trunk.lane.live && trunk.lane.position === lane.position) trunk.take(lane)
  }

  function gatherAll(): void {
    if (lanes.size > trunks.size) for (const lane of lanes) gather(lane)
  }

  return { gather, gatherAll }
}

function tell(audience: Audience, event: NotifierEvent): void {
  runSafely('onEvent of an audience failed', () => audience.onEvent(event))
}
