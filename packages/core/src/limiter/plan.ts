import { PenknifeError } from '../errors.ts'
import type { Receiver } from '../redis/driver.ts'
import { badReply, readTime } from '../redis/failures.ts'
import type { Keys } from '../redis/keys.ts'
import type { Port } from '../redis/runner.ts'
import type { Arg, Reply, Script } from '../redis/script.ts'
import { limiterCharge, limiterTake, limiterTakeAll } from '../redis/scripts.gen.ts'
import type { Slots } from './algorithms/concurrency.ts'
import type { Bucket } from './algorithms/gcra.ts'
import { type Decided, type Told, toldOfLevels } from './decide.ts'
import { type Apart, apartKey, isApart } from './apart.ts'
import type { KnownRule } from './rule.ts'
import { parseRules } from './rules.ts'
import type { Locate, Place } from './subjects.ts'
import type { Rule, Subject } from './types.ts'

/** What rules need to be charged in Redis. */
export interface PlanContext {
  readonly name: string
  readonly keys: Keys
  readonly locate: Locate
  readonly routeBy: string | undefined
  /** Rules that keep keys of their own, known to all processes. */
  readonly apart: Apart
  /** Refuses rules that parse and still cannot be used. */
  check(plan: Plan): void
  bind<Shared extends readonly Arg[], Item extends readonly Arg[], Result>(
    script: Script<Shared, Item, Result>,
    shared: Shared,
  ): Port<Item, Result>
}

/** A set of rules, and the script calls that charge a subject under them. */
export interface Plan {
  readonly given: readonly Rule[]
  readonly rules: readonly KnownRule[]
  /** Stands for the rules: the same text, the same plan. */
  readonly text: string
  /** The parts of a subject that its states depend on; only undefined for subjects that are text. */
  readonly parts: readonly (string | undefined)[]
  /** The most tokens that a call can take. */
  readonly most: number
  /** One call, unless the rules are of different parts of a subject and nothing routes them together. */
  readonly charges: readonly Charge[]
}

export type Outcome =
  | Decided
  | { readonly kind: 'blocked'; readonly endsInUs: number; readonly reason: string }

/** A charge that is corrected later. */
export interface Charged {
  /** Redis' time, in microseconds. */
  readonly at: number
  /** This process' time after the reply, as performance.now() tells it. */
  readonly answeredAt: number
  /** For each rule whether it was charged; a shadow rule that would have denied was not. */
  readonly rules: readonly boolean[]
}

/** The rules that one script call charges. */
export interface Charge {
  readonly rules: readonly KnownRule[]
  /** The parts of the subject that its rules are of; undefined for subjects that are text. */
  readonly parts: readonly (string | undefined)[]
  /** How long its slots are held without a renewal, in microseconds; undefined without concurrency rules. */
  readonly leaseUs: number | undefined
  /** Whether the rules are such that there is a fast script for them. */
  readonly plain: boolean
  /** Asks the fast script; `read` says what it answered, or undefined when it left the subject's state to `take`. */
  ask(subject: Subject, cost: number): Promise<PlainReply>
  /** Has a receiver told what it answered. */
  askFor(receiver: Receiver<PlainReply>, subject: Subject, cost: number): void
  read(reply: PlainReply, cost: number): Outcome | undefined
  /** Takes tokens if every rule allows, and a slot under the lease's id. */
  take(subject: Subject, cost: number, lease: string): Promise<Outcome>
  /** Charges tokens, or fewer than 0 to give them back, without asking; as a correction of an earlier charge, if given. */
  add(subject: Subject, tokens: number, charged?: Charged): Promise<Outcome>
  /** Every key of a subject, in the order in which charge.lua is given them. */
  places(subject: Subject): { readonly route: Place['route']; readonly keys: readonly string[] }
  /** The keys of the slots that a call was charged, given what the script told. */
  slots(subject: Subject, told: Told): readonly string[]
}

/** Reads rules once: the same array, and for a while rules of the same content, keep their plan. */
export function createPlans(context: PlanContext): (rules: readonly Rule[]) => Plan {
  const known = new WeakMap<readonly Rule[], Plan>()
  const recent = new Map<string, Plan>()
  return (rules) => {
    const found = known.get(rules)
    if (found) return found
    const parsed = parseRules(rules)
    const text = JSON.stringify(rules)
    const plan = recent.get(text) ?? createPlan(context, { given: rules, text, rules: parsed })
    recent.delete(text)
    recent.set(text, plan)
    if (recent.size > RECENT_PLANS) recent.delete(recent.keys().next().value as string)
    known.set(rules, plan)
    return plan
  }
}

const RECENT_PLANS = 1000

function createPlan(context: PlanContext, read: Pick<Plan, 'given' | 'rules' | 'text'>): Plan {
  const { rules } = read
  const parts = [...new Set(rules.map(({ per }) => per))]
  const groups = context.routeBy === undefined ? parts.map((part) => [part]) : [parts]
  const plan: Plan = {
    ...read,
    parts: [...new Set(context.routeBy === undefined ? parts : [...parts, context.routeBy])],
    most: Math.min(...rules.filter(({ shadow }) => !shadow).map(({ most }) => most), LARGEST_COST),
    charges: groups.map((group) =>
      createCharge(
        context,
        rules.filter(({ per }) => group.includes(per)),
      ),
    ),
  }
  context.check(plan)
  return plan
}

/** A limiter, or one of the parts that its rules are of, as keys name it. */
export function partName(limiter: string, part: string | undefined): string {
  return part === undefined ? limiter : `${limiter}/${part}`
}

/** Of a call that is charged to concurrency rules only, where the cost does not matter. */
const LARGEST_COST = 1_000_000_000

/** A key of a charge: a subject's state, or what one of its rules keeps apart. */
type KeyOf = (place: Place) => string

function createCharge(context: PlanContext, rules: readonly KnownRule[]): Charge {
  const { keys, name, locate, bind, apart } = context
  const parts = [...new Set(rules.map(({ per }) => per))]
  const ownerOf = (part: string | undefined): string => partName(name, part)
  const leases = rules.flatMap((rule) => (rule.letter === 's' ? [(rule as Slots).leaseUs] : []))
  const leaseUs = leases.length === 0 ? undefined : Math.min(...leases)

  // The states come first, then what rules keep apart: as charge.lua is told by their numbers.
  const places: { readonly part: string | undefined; readonly keyOf: KeyOf; readonly rule?: KnownRule }[] =
    parts.map((part) => ({ part, keyOf: ({ route, who }) => keys.limit(route, ownerOf(part), who) }))
  for (const rule of rules) {
    if (!isApart(rule)) continue
    const owner = ownerOf(rule.per)
    places.push({ part: rule.per, rule, keyOf: (place) => apartKey(keys, owner, rule, place) })
  }

  function keysOf(subject: Subject): { route: Place['route']; keys: string[] } {
    const found = new Map(places.map(({ part }) => [part, locate(subject, part)]))
    const [place] = found.values()
    return {
      route: (place as Place).route,
      keys: places.map(({ part, keyOf }) => keyOf(found.get(part) as Place)),
    }
  }

  const numberOf = (rule: KnownRule): number => {
    const own = places.findIndex((place) => place.rule === rule)
    return (own === -1 ? parts.indexOf(rule.per) : own) + 1
  }
  const bindAt = (
    nowMs: number,
  ): Port<[...places: string[], cost: Arg, how: Arg, lease: Arg], readonly Reply[]> => {
    const lines = rules.map((rule) => {
      const [a, b = 0, c = 0, d = 0] = rule.numbers(nowMs)
      const second = rule.letter === 's' ? leaseUs : b
      return [rule.letter, numberOf(rule), rule.shadow ? 1 : 0, rule.id, a, second, c, d].join(' ')
    })
    return bind(limiterCharge, [lines.join('\n')])
  }
  let port = bindAt(Date.now())
  /** Numbers that a decision tells of the rules. */
  const tells = rules.reduce((sum, rule) => sum + 1 + rule.tells, 0)

  async function call(subject: Subject, tokens: number, how: string, lease: string): Promise<Outcome> {
    const { route, keys: all } = keysOf(subject)
    // In one turn, so that a charge waits for no second round trip.
    const registering = tokens > 0 ? apart.register(rules) : undefined
    let used = port
    const replied = used(route, ...all, tokens, how, lease)
    if (registering) await Promise.allSettled([registering, replied])
    let reply = await replied
    if (reply[0] === CLOCK) {
      // Time went on beyond the calendar periods that were sent. Another call may have noticed before.
      if (port === used) port = bindAt(Math.floor(readTime(limiterCharge.name, reply[1]) / 1000))
      used = port
      reply = await used(route, ...all, tokens, how, lease)
      if (reply[0] === CLOCK) {
        throw new PenknifeError(
          'PENKNIFE_REJECTED',
          `limiter '${name}': the clock of Redis and that of this process differ by more than a calendar period`,
        )
      }
    }
    if (reply[0] === BLOCKED) return toBlocked(reply[1], reply[2])
    const told = reply.slice(2)
    if (told.length !== tells || !reply.every((number) => typeof number === 'number')) {
      throw badReply(limiterCharge.name, `it is not ${tells} numbers of the rules`)
    }
    return {
      kind: 'decided',
      allowed: reply[0] === 1,
      told: told as Told,
      at: reply[1] as number,
    }
  }

  const plain = plainPort(bind, rules)
  const { keyOf: stateKey } = places[0] as { keyOf: KeyOf }
  return {
    rules,
    parts,
    leaseUs,
    plain: plain !== undefined,
    ask(subject, cost) {
      const place = locate(subject, parts[0])
      return (plain as PlainPort)(place.route, stateKey(place), cost)
    },
    askFor(receiver, subject, cost) {
      const place = locate(subject, parts[0])
      ;(plain as PlainPort).to(receiver, place.route, stateKey(place), cost)
    },
    read(reply, cost) {
      if (reply === null) return undefined
      if (typeof reply !== 'string') return toldOfLevels(rules as readonly Bucket[], reply, cost)
      const [, us, reason] = /^(\d+) (.*)$/s.exec(reply) ?? []
      return toBlocked(us === undefined ? us : Number(us), reason)
    },
    take: (subject, cost, lease) => call(subject, cost, 'take', lease),
    add: (subject, tokens, charged) => call(subject, tokens, charged ? settling(charged) : 'add', ''),
    places: keysOf,
    slots(subject, told) {
      const { keys: all } = keysOf(subject)
      let at = 0
      return rules.flatMap((rule) => {
        const charged = rule.letter === 's' && told[at] !== 1
        at += 1 + rule.tells
        return charged ? [all[numberOf(rule) - 1] as string] : []
      })
    },
  }
}

function toBlocked(endsInUs: unknown, reason: unknown): Outcome {
  if (typeof endsInUs === 'number' && typeof reason === 'string') return { kind: 'blocked', endsInUs, reason }
  throw badReply('a limiter', 'a block without an end or a reason')
}

/** How charge.lua is told of the charge to correct. */
function settling({ at, answeredAt, rules }: Charged): string {
  const elapsedUs = Math.max(0, Math.floor((performance.now() - answeredAt) * 1000))
  return `${at} ${elapsedUs} ${rules.map(Number).join('')}`
}

/** What the first number of charge.lua's reply says, besides 0 and 1. */
const BLOCKED = 2
const CLOCK = 3

/** A block as text, or null where charge.lua must be asked. */
export type PlainReply = number | readonly number[] | string | null

type PlainPort = Port<[state: string, cost: Arg], PlainReply>

/** The scripts for what most limiters are: GCRA rules of one subject. They answer null where charge.lua must. */
function plainPort(bind: PlanContext['bind'], rules: readonly KnownRule[]): PlainPort | undefined {
  const [first] = rules as readonly [Bucket]
  if (rules.some(({ letter, shadow, per }) => letter !== 'g' || shadow || per !== first.per)) return undefined
  const numbers = rules.map((rule) => [rule.id, ...rule.numbers(0)] as [number, number, number, number])
  if (rules.length === 1) return bind(limiterTake, [doubles(numbers[0] as readonly number[])])
  return bind(limiterTakeAll, [numbers.map((each) => each.join(' ')).join(' ')])
}

function doubles(numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 * numbers.length)
  for (const [at, number] of numbers.entries()) bytes.writeDoubleLE(number, 8 * at)
  return bytes
}
