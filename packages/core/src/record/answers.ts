import { readReply } from '../redis/failures.ts'
import type { Placed, Shape } from './shapes.ts'
import type { RecordRefusal } from './types.ts'

/** Between the results of two groups. */
const GROUP_END = '\x1e'

/** The results in a reply, in the order of the effects. No text stands for a call that was only explained. */
export function readResults(
  title: string,
  { groups }: Shape,
  placed: readonly Placed[],
  text: string | undefined,
): unknown[] {
  const given = placed.findIndex(({ when }) => when !== undefined)
  const results: unknown[] = Array.from({ length: given < 0 ? placed.length : given }, () => undefined)
  if (text === undefined) return results
  return readReply(title, () => {
    const lines = text.split(GROUP_END)
    if (lines.length !== groups.length) throw new Error(`it has ${lines.length} of ${groups.length} results`)
    for (const [number, { effects, target, when }] of groups.entries()) {
      const line = lines[number] as string
      if (when) {
        if (line !== '') markReached(results, (placed[effects[0] as number] as Placed).at)
        continue
      }
      const each = effects.length === 1 || target.kind === 'object' ? [line] : line.split('\n')
      if (each.length !== effects.length) throw new Error(`${target.title} has ${each.length} results`)
      for (const [nth, at] of effects.entries()) {
        const { effect } = placed[at] as Placed
        const result = effect.parts.read(each[nth] as string)
        results[at] = effect.parts.reaching
          ? { ...(result as object), reached: isReached(results[at]) }
          : result
      }
    }
    return results
  })
}

/** Groups of adds are read before those of counters: the mark waits in the counter's place. */
function markReached(results: unknown[], at: number): void {
  results[at] = REACHED
}

const REACHED = { reached: true }

function isReached(mark: unknown): boolean {
  return mark === REACHED
}

/** The refused changes in a reply. */
export function readRefusals(
  title: string,
  { groups }: Shape,
  placed: readonly Placed[],
  text: string,
): RecordRefusal[] {
  return readReply(title, () =>
    text
      .split('\n')
      .slice(1)
      .map((line) => {
        const [, number = '', nth = '', reason = ''] = /^(\d+) (\d+) (.*)$/.exec(line) ?? []
        const { effect, at } = placed[
          groups[Number(number) - 1]?.effects[Number(nth) - 1] as number
        ] as Placed
        const { target, refusal } = effect.parts
        const why = refusal?.(reason) ?? { reason: reason as 'full' | 'known' }
        return { effect: at, target: target.title, ...why }
      }),
  )
}
