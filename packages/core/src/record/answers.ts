import { readReply } from '../redis/failures.ts'
import type { Group, Placed, Shape } from './shapes.ts'
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
  const results = Array.from<unknown>({ length: given < 0 ? placed.length : given })
  if (text === undefined) return results
  return readReply(title, () => {
    const lines = text.split(GROUP_END)
    if (lines.length !== groups.length) throw new Error(`it has ${lines.length} of ${groups.length} results`)
    for (let number = 0; number < groups.length; number++) {
      const { effects, target, when } = groups[number] as Group
      const line = lines[number] as string
      if (when) {
        const { at } = placed[effects[0] as number] as Placed
        if (line !== '' && (placed[at] as Placed).effect.parts.reaching) markReached(results, at)
      } else if (effects.length === 1) readOne(results, placed, effects[0] as number, line)
      else {
        const each = line.split('\n')
        if (each.length !== effects.length) throw new Error(`${target.title} has ${each.length} results`)
        for (let nth = 0; nth < effects.length; nth++)
          readOne(results, placed, effects[nth] as number, each[nth] as string)
      }
    }
    return results
  })
}

function readOne(results: unknown[], placed: readonly Placed[], at: number, line: string): void {
  const { read, reaching } = (placed[at] as Placed).effect.parts
  const result = read(line)
  results[at] = reaching ? { ...(result as object), reached: isReached(results[at]) } : result
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
