import type { Receiver } from '../redis/driver.ts'
import { badReply } from '../redis/failures.ts'
import type { Port } from '../redis/runner.ts'
import type { Arg } from '../redis/script.ts'
import { limiterTake, limiterTakeAll } from '../redis/scripts.gen.ts'
import type { Bucket } from './algorithms/gcra.ts'
import type { LimiterContext } from './context.ts'
import { type Decided, type Outcome, readBlock } from './outcome.ts'
import type { KnownRule } from './rule.ts'

/**
 * The reply of take.lua and take-all.lua: a level for each rule, or `-level - 1` when denied; a block as text; or null when
 * charge.lua must be called instead.
 */
export type FastReply = number | readonly number[] | string | null

export type FastPort = Port<[state: string, cost: Arg], FastReply>

/** Binds the fast script for GCRA rules of one part of a subject. Undefined for other rules: there is no fast script for them. */
export function bindFast(bind: LimiterContext['bind'], rules: readonly KnownRule[]): FastPort | undefined {
  const [first] = rules as readonly [Bucket]
  if (rules.some((rule) => !isPlain(rule) || rule.per !== first.per)) return undefined
  const bucket = bucketOf(rules)
  if (bucket) return bind(limiterTake, [bucket])
  return bind(limiterTakeAll, [rules.map((each) => parametersOf(each).join(' ')).join(' ')])
}

/** The rule as take.lua reads it, if there is only one, and it is an enforced GCRA rule. */
export function bucketOf([rule, other]: readonly KnownRule[]): Buffer | undefined {
  return rule && !other && isPlain(rule) ? doubles(parametersOf(rule)) : undefined
}

function isPlain({ letter, shadow }: KnownRule): boolean {
  return letter === 'g' && !shadow
}

function parametersOf(rule: KnownRule): readonly number[] {
  return [rule.id, ...rule.parameters(0)]
}

function doubles(numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 * numbers.length)
  for (const [at, number] of numbers.entries()) bytes.writeDoubleLE(number, 8 * at)
  return bytes
}

/** Decodes the reply of a fast script for a receiver. A class, because each call allocates one object instead of four closures. */
export class FastReceiver<Request extends { readonly cost: number }> implements Receiver<FastReply> {
  readonly #rules: readonly KnownRule[]
  readonly #request: Request
  readonly #receiver: Receiver<Outcome>
  readonly #takeByChargeScript: (request: Request, receiver: Receiver<Outcome>) => void

  /** `takeByChargeScript` calls charge.lua. */
  constructor(
    rules: readonly KnownRule[],
    request: Request,
    receiver: Receiver<Outcome>,
    takeByChargeScript: (request: Request, receiver: Receiver<Outcome>) => void,
  ) {
    this.#rules = rules
    this.#request = request
    this.#receiver = receiver
    this.#takeByChargeScript = takeByChargeScript
  }

  received(reply: FastReply): void {
    if (reply === null) this.#takeByChargeScript(this.#request, this.#receiver)
    else this.#receiver.received(readReply(this.#rules as readonly Bucket[], reply, this.#request.cost))
  }

  failed(error: unknown): void {
    this.#receiver.failed(error)
  }
}

function readReply(rules: readonly Bucket[], reply: Exclude<FastReply, null>, cost: number): Outcome {
  if (typeof reply === 'number') {
    const allowed = reply >= 0
    return { kind: 'decided', allowed, numbers: allowed ? [0, reply] : [1, -reply - 1] }
  }
  if (typeof reply !== 'string') return readLevels(rules, reply, cost)
  const [, us, reason] = /^(\d+) (.*)$/s.exec(reply) ?? []
  return readBlock(us === undefined ? us : Number(us), reason)
}

function readLevels(rules: readonly Bucket[], reply: readonly number[], cost: number): Decided {
  if (reply.length !== rules.length) throw badReply('limiter/take-all', 'levels are missing')
  const allowed = (reply[0] as number) >= 0
  const numbers: number[] = []
  for (let at = 0; at < rules.length; at++) {
    const { token, capacity } = rules[at] as Bucket
    const replied = reply[at]
    if (typeof replied !== 'number') throw badReply('limiter/take-all', 'a level is missing')
    const level = allowed ? replied : -replied - 1
    numbers.push(!allowed && level + cost * token > capacity ? 1 : 0, level)
  }
  return { kind: 'decided', allowed, numbers }
}
