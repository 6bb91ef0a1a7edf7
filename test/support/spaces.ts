import type { Penknife, Space } from '@penknife/core'

/** The index of the master that owns a slot, in a cluster of scripts/redis/cluster.ts. */
export function masterOf(slot: number, masters: number = 3): number {
  return Math.floor((slot * masters) / 16_384)
}

/** `each` spaces on every master of a cluster, one master after the other. */
export function spacesOnAll(penknife: Penknife, each: number = 1, masters: number = 3): Space[] {
  const found: Space[][] = Array.from({ length: masters }, () => [])
  for (let at = 0; found.some((spaces) => spaces.length < each); at++) {
    const space = penknife.space(`space-${at}`)
    const spaces = found[masterOf(space.runtime.keys.route.slot, masters)] as Space[]
    if (spaces.length < each) spaces.push(space)
  }
  return Array.from({ length: each }, (_, at) => found.map((spaces) => spaces[at] as Space)).flat()
}
