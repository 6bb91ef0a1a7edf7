import type { Period } from '../calendar.ts'
import type { Gate } from '../redis/batch.ts'
import type { Safety } from '../redis/durable.ts'
import type { Runtime } from '../redis/penknife.ts'
import type { RecordRefusalReason } from './refusals.ts'

/** The kinds of lua/_lib/record/effects.lua, in the order in which a script makes them. */
export const KINDS = ['add', 'publish', 'claim', 'count', 'object', 'limit', 'score'] as const
export type EffectKind = (typeof KINDS)[number]

/** The keys of a target, and the fields of its kind in a plan. */
export interface EffectLayout {
  readonly keys: readonly string[]
  readonly plan: readonly (string | number)[]
  /** The kind and its fields for a group whose effects are all lean, if another one is better. */
  readonly lean?: { readonly kind: string; readonly plan: readonly (string | number)[] } | undefined
  /** While these keys are the right ones. Undefined: always. */
  readonly period?: Period
  /** Whether there is another layout once a call has changed the target. */
  readonly once?: boolean
}

/** What effects change: a stream, a board, the counters of a name. A feature has one for each of its objects. */
export interface EffectTarget {
  readonly kind: EffectKind
  /** As errors call it, such as `stream 'orders'`. */
  readonly title: string
  readonly space: string
  readonly runtime: Runtime
  /** Keys and plan at a time of Redis' clock. */
  readonly layout: (nowMs: number) => EffectLayout
  /** Microseconds of Redis that an effect costs, measured on boards of a million members with equal scores. */
  readonly cost: number
  /** The same while its boards have at most 30,000 members, see lua/_lib/record/small.lua. Default: `cost`. */
  readonly smallCost?: number
  /** Must be open before a call is sent. */
  readonly gate?: Gate | undefined
  /** Called with each use, such as to declare the object. */
  readonly used?: (() => void) | undefined
  /** Called when a call with a layout of `once` has changed the target. */
  readonly made?: (() => void) | undefined
  /** Refuses the sum of the costs of effects on one key. */
  readonly checkSum?: ((cost: number) => void) | undefined
  /** Whether a call may change only one key of it. */
  readonly oneKey?: boolean | undefined
  /** What a call waits for when it changes this. */
  readonly safety?: Safety | undefined
  /** Shapes that begin with this target, or go on with it: see shapes.ts. */
  readonly shapes: WeakMap<EffectTarget, object>
}

/** Ends each text of a script's item. No text of an effect contains it: JSON and checked names have no control characters. */
export const END = '\0'

/** Effects that are made only when a counter reaches a value. */
export interface Reaching {
  readonly value: number
  readonly effects: readonly Effect[]
}

export interface EffectParts<Result> {
  readonly target: EffectTarget
  /** A key of this effect alone: of a channel, an object or a subject. */
  readonly key?: string | undefined
  /** What it adds to the sum that the target checks. */
  readonly cost?: number | undefined
  /** All keys of this effect alone, where there are several; `key` is the first. */
  readonly keys?: readonly string[] | undefined
  /** Its texts for the script, each ending with END. */
  readonly texts: string | Promise<string>
  /**
   * Of an effect whose texts are those of the lean form, which need less of Redis: makes those of the full form, for a group in which
   * others are not lean.
   */
  readonly full?: ((lean: string) => string) | undefined
  /** The result in its line of the reply. */
  readonly read: (line: string) => Result
  /** What a line of refusal says, behind the numbers of group and change. */
  readonly refusal?: ((line: string) => RecordRefusalReason) | undefined
  readonly reaching?: Reaching | undefined
  /** An effect that publishes the change of the ranking, if there is one. */
  readonly announce?: Effect | undefined
}

/**
 * One change that `record` or `commit` makes together with others. It is made by a method of a stream, a board, counters, a notifier, a
 * deduper, objects or a limiter, such as `orders.adding(payload)`. Making one sends nothing. It may be used several times.
 */
export class Effect<Result = unknown> {
  /** For penknife itself. */
  readonly parts: EffectParts<Result>

  constructor(parts: EffectParts<Result>) {
    this.parts = parts
  }
}

/** The texts of an effect in the form of the script. */
export function textsOf(...texts: readonly (string | number)[]): string {
  return texts.join(END) + END
}
