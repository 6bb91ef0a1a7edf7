import { disown } from '../callbacks.ts'
import { invalid } from '../errors.ts'
import { digest } from '../redis/keys.ts'
import { type Effect, type EffectTarget, KINDS } from './effect.ts'

const PRINT = 10

/** The changes of one target, or of one key of it, in a call. */
export interface Group {
  readonly target: EffectTarget
  /** Indexes of its effects in the list of the call. */
  readonly effects: readonly number[]
  /** The group and change of the counter that must reach a value. */
  readonly when: { readonly group: number; readonly line: number } | undefined
  /** Whether an event depends on one of its changes. */
  readonly announces: boolean
  /** How many keys of its own it has in each call. */
  readonly ownKeys: number
  /** Whether the texts of all its effects are lean. */
  readonly lean: boolean
}

/** Sends one item, with its own keys and its texts. Resolves with the script's text. */
export type Caller = (own: readonly string[], values: string) => Promise<string>

/** What calls of one kind have in common: they may share a script call. */
export interface Shape {
  readonly groups: readonly Group[]
  /** Microseconds of Redis that an item costs, estimated: with large boards, and with small ones. */
  readonly cost: number
  readonly smallCost: number
  readonly targets: readonly EffectTarget[]
  /** The groups of several effects whose targets check the sum of their costs. */
  readonly summed: readonly Pick<Group, 'target' | 'effects'>[]
  /** A text that two calls with the same id must share, so that the stored results of one are those of the other. */
  readonly text: string
  /** How `record` calls its script, by the options of the call. */
  readonly callers: Map<string, Caller>
}

/** An effect of a call, with those that depend on a counter behind the others. */
export interface Placed {
  readonly effect: Effect
  /** Its index among the effects that the caller gave; of one that depends on a counter, that of the counter's. */
  readonly at: number
  /** The index in the list of the counter's effect, and the value that it must reach. */
  readonly when: { readonly counter: number; readonly value: number } | undefined
}

/** The most effects of a call. */
const MOST_EFFECTS = 50
/** The most microseconds of Redis that a call may cost, estimated. */
const MOST_COST = 1500
/** What an item costs beside its effects, when it has an id. */
const BASE_COST = 4
/** What finding the change of a ranking costs. */
const RANKING_COST = 50
const SMALL_RANKING_COST = 20

/** Checks the effects of a call. Effects that depend on a counter follow the others. */
export function placeEffects(
  effects: readonly unknown[],
  isEffect: (value: unknown) => value is Effect,
): Placed[] {
  const placed: Placed[] = []
  for (let at = 0; at < effects.length; at++) {
    const effect = effects[at]
    if (!isEffect(effect)) {
      effects.forEach(disown)
      throw invalid(`effects[${at}]`, effect, 'give what a method such as orders.adding(payload) returns')
    }
    placed.push({ effect, at, when: undefined })
  }
  const { length } = placed
  for (let at = 0; at < length; at++) {
    const { reaching, announce } = (placed[at] as Placed).effect.parts
    if (announce) placed.push({ effect: announce, at, when: { counter: at, value: 0 } })
    if (!reaching) continue
    for (const effect of reaching.effects) {
      placed.push({ effect, at, when: { counter: at, value: reaching.value } })
    }
  }
  if (placed.length === 0 || placed.length > MOST_EFFECTS) {
    throw invalid('effects', effects, `give 1 to ${MOST_EFFECTS} effects`)
  }
  return placed
}

/** A node of the tree of shapes: a shape for each sequence of targets, and each way in which their keys repeat. */
interface Node {
  readonly next: WeakMap<EffectTarget, object>
  readonly shapes: Map<string, Shape>
  /** Whether a target is in the sequence twice, or effects depend on counters. */
  readonly mixed: boolean
}

/** The shape of a call. It is found by walking from target to target, so that no text has to be built for each call. */
/** What Redis stores of a shape beside the results of a call, so that only a call with the same effects gets them. */
export function printOf({ text }: Shape): string {
  return digest(text).slice(1, PRINT + 1)
}

export function shapeOf(placed: readonly Placed[]): Shape {
  const first = (placed[0] as Placed).effect.parts.target
  let next = first.shapes
  let node: Node | undefined
  for (let at = 0; at < placed.length; at++) {
    const { target } = (placed[at] as Placed).effect.parts
    let found = next.get(target) as Node | undefined
    if (!found) {
      const before = placed.slice(0, at)
      const mixed =
        node?.mixed === true ||
        placed.some(({ when }) => when !== undefined) ||
        before.some(({ effect }) => effect.parts.target === target)
      found = { next: new WeakMap(), shapes: new Map(), mixed }
      next.set(target, found)
    }
    node = found
    next = found.next
  }
  const { shapes, mixed } = node as Node
  const conditional = placed.at(-1)?.when !== undefined
  let pattern = ''
  for (let at = 0; at < placed.length; at++)
    pattern += (placed[at] as Placed).effect.parts.full === undefined ? '-' : 'l'
  if (mixed || conditional) pattern += patternOf(placed)
  let shape = shapes.get(pattern)
  if (!shape) {
    shape = build(placed)
    shapes.set(pattern, shape)
  }
  for (const { target, effects } of shape.summed) {
    target.checkSum?.(effects.reduce((sum, at) => sum + ((placed[at] as Placed).effect.parts.cost ?? 0), 0))
  }
  return shape
}

/** For each effect the first one with the same target, key and condition. */
function patternOf(placed: readonly Placed[]): string {
  return placed
    .map((each) => `${placed.findIndex((other) => together(each, other))}.${each.when?.counter ?? ''}`)
    .join()
}

function together(a: Placed, b: Placed): boolean {
  return (
    a.effect.parts.target === b.effect.parts.target &&
    a.effect.parts.key === b.effect.parts.key &&
    // An object has one key; the key of a fence is beside it.
    (a.effect.parts.target.kind === 'object' || ownKeysOf(a).every((key, at) => key === ownKeysOf(b)[at])) &&
    a.when?.counter === b.when?.counter &&
    a.when?.value === b.when?.value
  )
}

export function ownKeysOf({ effect }: Placed): readonly string[] {
  const { key, keys } = effect.parts
  return keys ?? (key === undefined ? [] : [key])
}

function build(placed: readonly Placed[]): Shape {
  const targets = [...new Set(placed.map(({ effect }) => effect.parts.target))]
  checkTogether(targets)
  const groups: { target: EffectTarget; effects: number[]; first: Placed }[] = []
  for (const [at, each] of placed.entries()) {
    const known = groups.find(({ first }) => together(first, each))
    if (known) known.effects.push(at)
    else {
      const { target } = each.effect.parts
      if (each.when && target.kind !== 'add' && target.kind !== 'publish') {
        throw invalid('reaching', target.title, 'give effects that add to streams or publish')
      }
      groups.push({ target, effects: [at], first: each })
    }
  }
  const announced = ({ when }: Placed): boolean =>
    when !== undefined && (placed[when.counter] as Placed).effect.parts.announce !== undefined
  // What depends on a board follows it.
  const rankOf = ({ target, first }: (typeof groups)[number]): number =>
    announced(first) ? KINDS.length : KINDS.indexOf(target.kind)
  groups.sort((a, b) => rankOf(a) - rankOf(b))
  for (const [at, { target, effects }] of groups.entries()) {
    if (target.oneKey && groups.findIndex((other) => other.target === target) < at) {
      throw invalid(
        'effects',
        target.title,
        'the call takes from two subjects with several parts; make two calls',
      )
    }
    if (target.kind === 'object' && effects.length > 1) {
      throw invalid(
        'effects',
        target.title,
        'the call changes one object twice; give all its fields in one effect',
      )
    }
  }
  const cost = costOf(placed, ({ cost: each }) => each, RANKING_COST)
  if (cost > MOST_COST) {
    throw invalid(
      'effects',
      placed,
      `together they would keep Redis busy for some ${Math.round(cost)} µs, and ${MOST_COST} are allowed; make several calls`,
    )
  }
  return {
    groups: groups.map(({ target, effects, first }) => ({
      target,
      effects,
      announces: effects.some((at) => (placed[at] as Placed).effect.parts.announce !== undefined),
      ownKeys: ownKeysOf(first).length,
      lean: effects.every((at) => (placed[at] as Placed).effect.parts.full !== undefined),
      when: first.when && whenOf(groups, first.when.counter),
    })),
    cost,
    smallCost: costOf(placed, ({ cost: large, smallCost = large }) => smallCost, SMALL_RANKING_COST),
    targets,
    summed: groups.filter(({ target, effects }) => target.checkSum !== undefined && effects.length > 1),
    text: groups
      .map(
        ({ target, effects, first }) => `${target.title} ${effects.join(' ')} ${first.when?.counter ?? ''}`,
      )
      .join(),
    callers: new Map(),
  }
}

function costOf(placed: readonly Placed[], each: (target: EffectTarget) => number, ranking: number): number {
  return placed.reduce(
    (sum, { effect: { parts } }) => sum + each(parts.target) + (parts.announce ? ranking : 0),
    BASE_COST,
  )
}

function whenOf(
  groups: readonly { readonly effects: readonly number[] }[],
  counter: number,
): NonNullable<Group['when']> {
  const group = groups.findIndex(({ effects }) => effects.includes(counter))
  return { group: group + 1, line: (groups[group]?.effects.indexOf(counter) ?? 0) + 1 }
}

/** Refuses targets of two spaces, and two declarations of one object that differ. */
function checkTogether(targets: readonly EffectTarget[]): void {
  const [first] = targets as readonly [EffectTarget]
  for (const target of targets) {
    if (!sameSpace(first, target)) {
      const fix = `${first.title} is in space '${first.space}', ${target.title} in space '${target.space}'; one call changes one space of one connect()`
      throw invalid('effects', target.title, fix)
    }
    const twin = targets.find((other) => other.kind === target.kind && other.title === target.title)
    if (twin && twin !== target) {
      const fix =
        'it was created twice; use one object for all effects of a call, because two may be declared differently'
      throw invalid('effects', target.title, fix)
    }
  }
}

export function sameSpace(
  a: Pick<EffectTarget, 'runtime' | 'space'>,
  b: Pick<EffectTarget, 'runtime' | 'space'>,
): boolean {
  return a.runtime === b.runtime || (a.space === b.space && a.runtime.subscriber === b.runtime.subscriber)
}
