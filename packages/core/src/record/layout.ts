import type { Period } from '../calendar.ts'
import { type EffectLayout, type EffectTarget, END } from './effect.ts'
import { ownKeysOf, type Placed, type Shape } from './shapes.ts'

/** Keys and plan of a shape at a time of Redis' clock. */
export interface ShapeLayout {
  readonly keys: readonly string[]
  /** The texts of the groups in the plan. */
  readonly plan: readonly (string | number)[]
  readonly period: Period
  /** Targets that have another layout once a call has changed them. */
  readonly once: readonly EffectTarget[]
}

/** @param keysBefore keys that the script has in front; own keys in front of the effects' count too */
export function layOut(
  shape: Shape,
  nowMs: number,
  keysBefore: readonly string[],
  ownBefore: number,
): ShapeLayout {
  const keys = [...keysBefore]
  let own = ownBefore
  let period: Period = { startMs: -Infinity, endMs: Infinity }
  const once: EffectTarget[] = []
  /** Of targets with several groups. */
  const places = new Map<
    EffectTarget,
    { readonly from: number; readonly to: number; readonly layout: EffectLayout }
  >()
  const plan = shape.groups.flatMap(({ target, effects, when, announces, ownKeys, lean }) => {
    let found = places.get(target)
    if (!found) {
      const layout = target.layout(nowMs)
      found = { from: keys.length + 1, to: keys.length + layout.keys.length, layout }
      keys.push(...layout.keys)
      places.set(target, found)
      if (layout.once) once.push(target)
      if (layout.period) {
        period = {
          startMs: Math.max(period.startMs, layout.period.startMs),
          endMs: Math.min(period.endMs, layout.period.endMs),
        }
      }
    }
    const { from, to, layout } = found
    const { kind, plan: fields } = (lean && layout.lean) || {
      kind: announces ? 'announce' : target.kind,
      plan: layout.plan,
    }
    const place = [from, to, ownKeys > 0 ? own + 1 : '']
    own += ownKeys
    return [kind, effects.length, lean ? 1 : '', ...place, when?.group ?? '', when?.line ?? '', ...fields]
  })
  return { keys, plan, period, once }
}

/** The own keys and texts of a call, in the order of its groups. */
export function encode(
  { groups }: Shape,
  placed: readonly Placed[],
  keys: string[],
  before: string,
): string | Promise<string> {
  let texts = before
  let pending: Promise<string> | undefined
  for (const { effects, ownKeys, when, lean } of groups) {
    const first = placed[effects[0] as number] as Placed
    if (ownKeys === 1) keys.push(first.effect.parts.key as string)
    else if (ownKeys > 1) keys.push(...ownKeysOf(first))
    if (when) texts += `${first.when?.value}${END}`
    for (const at of effects) {
      const { texts: own, full } = (placed[at] as Placed).effect.parts
      const more = full && !lean ? inFull(own, full) : own
      if (typeof more === 'string') texts += more
      else {
        const known = texts
        const earlier = pending
        pending = Promise.all([earlier, more]).then(([head = '', text]) => head + known + text)
        texts = ''
      }
    }
  }
  return pending ? pending.then((head) => head + texts) : texts
}

function inFull(texts: string | Promise<string>, full: (lean: string) => string): string | Promise<string> {
  return typeof texts === 'string' ? full(texts) : texts.then(full)
}
