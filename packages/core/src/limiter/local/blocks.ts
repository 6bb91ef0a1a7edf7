import type { Blocked } from '../outcome.ts'

/** Blocks that only this process knows, for the time in which Redis is away. */
export interface LocalBlocks {
  /** Blocks a part of a subject for so many microseconds, or forever. */
  add(part: string | undefined, keyName: string, us: number | 'forever', reason: string): void
  remove(part: string | undefined, keyName: string): void
  /** The block of a part that ends last. */
  last(
    parts: Iterable<readonly [part: string | undefined, keyName: string]>,
    nowUs: number,
  ): Blocked | undefined
}

/** At most `most` blocks are kept: then the oldest is dropped. */
export function createLocalBlocks(most: number): LocalBlocks {
  const blocks = new Map<string, { readonly endsUs: number; readonly reason: string }>()
  const keyOf = (part: string | undefined, keyName: string): string => `${part ?? ''} ${keyName}`
  return {
    add(part, keyName, us, reason) {
      const key = keyOf(part, keyName)
      blocks.delete(key)
      if (blocks.size >= most) blocks.delete(blocks.keys().next().value as string)
      const endsUs = us === 'forever' ? Infinity : Math.floor(performance.now() * 1000) + us
      blocks.set(key, { endsUs, reason })
    },
    remove: (part, keyName) => void blocks.delete(keyOf(part, keyName)),
    last(parts, nowUs) {
      if (blocks.size === 0) return undefined
      let last: Blocked | undefined
      for (const part of parts) {
        const key = keyOf(...part)
        const block = blocks.get(key)
        if (block === undefined) continue
        const endsInUs = block.endsUs - nowUs
        if (endsInUs <= 0) blocks.delete(key)
        else if (endsInUs > (last?.endsInUs ?? 0)) last = { kind: 'blocked', endsInUs, reason: block.reason }
      }
      return last
    },
  }
}
