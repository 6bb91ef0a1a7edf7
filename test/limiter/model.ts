import type { CalendarRule, LimiterDecision, GcraRule, LimiterRule, LimiterRuleState } from '@penknife/core'

/**
 * The limiter's promise in plain arithmetic: the expected decision for the time of each call. A rule's state of a
 * subject is a `Count`: its numbers at a time, and the effect of a charge. Times are whole microseconds.
 */
interface Count {
  readonly refuses: (cost: number) => boolean
  readonly remaining: number
  readonly full: boolean
  /** The state after so many tokens more, or, below 0, fewer. It is saved as the start of a later read. */
  readonly add: (tokens: number) => Saved
}

/** As it was after the last charge; its time moves back with the clock. */
interface Saved {
  readonly time: number
  readonly [more: string]: unknown
}

type Look = (rule: LimiterRule, saved: Saved | undefined, now: number) => Count

const US = (duration: unknown): number => Number(duration) * 1000
const big = (value: unknown): bigint => BigInt(value as number)
const clamp = (value: number, rule: LimiterRule): number => Math.min(Math.max(0, value), 2 * rule.limit)

const gcra: Look = (given, saved, now) => {
  const rule = given as GcraRule
  const common = divisor(big(rule.limit), big(US(rule.window)))
  const [drain, token] = [big(rule.limit) / common, big(US(rule.window)) / common]
  const capacity = big(rule.burst ?? rule.limit) * token
  const before = saved ? rescaled(saved['level'] as bigint, saved['token'] as bigint, token, capacity) : 0n
  const level = max(0n, before - (saved ? big(now - saved.time) * drain : 0n))
  return {
    refuses: (cost) => level + big(cost) * token > capacity,
    remaining: Number(max(0n, (capacity - level) / token)),
    full: level === 0n,
    add(tokens) {
      const after = max(0n, level + big(tokens) * token)
      return { time: now, token, level: after < 2n * capacity ? after : 2n * capacity }
    },
  }
}

/** The tokens in use under other numbers: in doubles as Lua has them, never below the exact value. */
function rescaled(level: bigint, token: bigint, to: bigint, capacity: bigint): bigint {
  if (token === to) return level
  const tokens = Number(level) / Number(token)
  const found = BigInt(tokens % 1 === 0 ? tokens * Number(to) : Math.ceil(tokens * Number(to)) + 1)
  const exact = (level * to + token - 1n) / token
  if (found < exact || found > exact + 2n) throw new Error(`rescaled ${found}, exactly ${exact}`)
  return found < 2n * capacity ? found : 2n * capacity
}

const fixedWindow: Look = (rule, saved, now) => {
  const window = US((rule as GcraRule).window)
  const left = (saved?.['used'] ?? 0) as number
  const alive = saved !== undefined && left > 0 && now < saved.time + (saved['window'] as number)
  const used = alive ? left : 0
  const start = alive && now < saved.time + window ? saved.time : now
  return whole(rule, used, (after) => ({ time: start, window, used: after }))
}

const calendar: Look = (rule, saved, now) => {
  const unit = (rule as CalendarRule).calendar === 'hour' ? 3_600_000_000 : 86_400_000_000
  const start = Math.floor(now / unit) * unit
  const used = saved && saved.time >= start ? (saved['used'] as number) : 0
  return whole(rule, used, (after) => ({ time: start, used: after }))
}

function whole(rule: LimiterRule, used: number, save: (used: number) => Saved): Count {
  return {
    refuses: (cost) => used + cost > rule.limit,
    remaining: Math.max(0, rule.limit - used),
    full: used === 0,
    add: (tokens) => save(tokens === 0 ? used : clamp(used + tokens, rule)),
  }
}

const slidingWindow: Look = (rule, saved, now) => {
  const window = US((rule as GcraRule).window)
  let [start, before, used] = [now, 0, 0]
  if (saved && (saved['before'] !== 0 || saved['used'] !== 0)) {
    const counted = saved['window'] as number
    const passed = Math.floor((now - saved.time) / counted)
    if (passed < 2) {
      start = saved.time + passed * counted
      before = Math.min(saved['before'] as number, 2 * rule.limit)
      used = Math.min(saved['used'] as number, 2 * rule.limit)
      if (passed === 1) [before, used] = [used, 0]
      // A window without tokens does not exist.
      if (before === 0 && used === 0) start = now
      if (counted !== window) {
        const part = Math.floor((before * (counted - (now - start))) / counted + 1e-6) + 1
        ;[start, before, used] = [now, 0, Math.min(used + Math.min(before, part), 2 * rule.limit)]
      }
    }
  }
  const weight = (more: number): bigint =>
    big(before) * big(window - (now - start)) + big(used + more) * big(window)
  const limit = big(rule.limit) * big(window)
  return {
    refuses: (cost) => weight(cost) > limit,
    remaining: Number(max(0n, (limit - weight(0)) / big(window))),
    full: used === 0 && before === 0,
    add(tokens) {
      const rest = Math.min(0, used + tokens)
      return {
        time: start,
        window,
        before: Math.max(0, before + rest),
        used: Math.min(Math.max(0, used + tokens), 2 * rule.limit),
      }
    },
  }
}

type Charge = readonly [time: number, tokens: number]

const slidingLog: Look = (rule, saved, now) => {
  const window = US((rule as GcraRule).window)
  const charges = ((saved?.['charges'] ?? []) as readonly Charge[]).filter(([time]) => time > now - window)
  const used = charges.reduce((sum, [, tokens]) => sum + tokens, 0)
  return {
    refuses: (cost) => used + cost > rule.limit,
    remaining: Math.max(0, rule.limit - used),
    full: used === 0,
    add(tokens) {
      if (tokens >= 0) {
        const more = Math.min(tokens, 2 * rule.limit - used)
        const after =
          more > 0 ? [...charges, [now, more] as const] : (saved?.['charges'] as readonly Charge[])
        return logged(after ?? [])
      }
      // Nothing to give back: an old window stays unchanged, in case the window is made longer.
      if (used === 0) return saved ?? logged([])
      let back = Math.min(-tokens, used)
      const kept: Charge[] = []
      for (const [time, each] of charges.toReversed()) {
        const left = each - Math.min(each, back)
        back -= each - left
        if (left > 0) kept.unshift([time, left])
      }
      return logged(kept)
    },
  }
}

function logged(charges: readonly Charge[]): Saved {
  return { time: charges.at(-1)?.[0] ?? -Infinity, charges }
}

const concurrency: Look = (rule, saved, now) => {
  const leases = [...((saved?.['leases'] ?? new Map()) as ReadonlyMap<number, number>)].filter(
    ([, ends]) => ends > now,
  )
  return {
    refuses: (cost) => cost > 0 && leases.length >= rule.limit,
    remaining: Math.max(0, rule.limit - leases.length),
    full: leases.length === 0,
    add: () => ({ time: now, leases: new Map(leases) }),
  }
}

const LOOKS: Readonly<Record<string, Look>> = {
  gcra: gcra,
  'fixed-window': fixedWindow,
  calendar: calendar,
  'sliding-window': slidingWindow,
  'sliding-log': slidingLog,
  concurrency: concurrency,
}

export function algorithmOf(rule: LimiterRule): string {
  return 'calendar' in rule ? 'calendar' : (rule.algorithm ?? 'gcra')
}

/** The expected decision, with the rules in the order of the options. */
export interface Expected {
  readonly allowed: boolean
  readonly cost: number
  /** Whether denied calls are charged. */
  readonly counting: boolean
  readonly before: readonly Seen[]
  readonly after: readonly Seen[]
}

/** A rule of a subject, to be looked at now or later. */
interface Seen {
  readonly rule: LimiterRule
  readonly now: number
  readonly in: (ms: number) => Count
}

export interface Model {
  /** With `counting` a denied call is charged too, but gets no slot. */
  take(
    subject: string,
    rules: readonly LimiterRule[],
    cost: number,
    now: number,
    lease?: number,
    counting?: boolean,
  ): Expected
  /** A penalty, or with fewer than 0 tokens a refund. */
  add(subject: string, rules: readonly LimiterRule[], tokens: number, now: number): readonly Seen[]
  /** So many tokens are used, all of them taken now. */
  set(subject: string, rules: readonly LimiterRule[], used: number, now: number): readonly Seen[]
  /** Forgets a subject. Returns the rules that were in use, and the leases in force, counted for each rule. */
  reset(
    subject: string,
    rules: readonly LimiterRule[],
    now: number,
  ): { readonly used: readonly string[]; readonly leases: number }
  /** Whether the slots of a lease were in force. Gives them back, or renews them for so many microseconds. */
  lease(lease: number, now: number, renewUs: number | undefined): boolean
}

export function createModel(): Model {
  const states = new Map<string, Saved>()
  /** Where each lease was given a slot. */
  const leased = new Map<number, readonly string[]>()
  const keyOf = (subject: string, rule: LimiterRule): string => `${subject} ${algorithmOf(rule)} ${rule.name}`

  /** Reads a rule's state. A clock that was set back moves its times. */
  function seen(subject: string, rule: LimiterRule, now: number): Seen {
    const key = keyOf(subject, rule)
    const saved = states.get(key)
    if (saved && saved.time > now) states.set(key, moved(saved, saved.time - now))
    return snapshot(rule, states.get(key), now)
  }

  function save(subject: string, { rule, in: look }: Seen, tokens: number): void {
    states.set(keyOf(subject, rule), look(0).add(tokens))
  }

  const model: Model = {
    take(subject, rules, cost, now, lease = 0, counting = false) {
      const before = rules.map((rule) => seen(subject, rule, now))
      const allowed = before.every((each) => each.rule.shadow || !each.in(0).refuses(cost))
      if ((allowed || counting) && cost > 0) {
        for (const each of before) {
          if (allowed && each.in(0).refuses(cost)) {
            if (!['concurrency', 'sliding-log'].includes(algorithmOf(each.rule))) save(subject, each, 0)
            continue
          }
          if (each.rule.algorithm === 'concurrency' && !allowed) continue
          save(subject, each, cost)
          if (each.rule.algorithm !== 'concurrency') continue
          const key = keyOf(subject, each.rule)
          leased.set(lease, [...(leased.get(lease) ?? []), key])
          hold(key, lease, now + leaseOf(rules))
        }
      }
      const after = rules.map((rule) => snapshot(rule, states.get(keyOf(subject, rule)), now))
      return { allowed, cost, counting, before, after }
    },
    set(subject, rules, used, now) {
      model.add(subject, rules, -1e9, now)
      return model.add(subject, rules, used, now)
    },
    add(subject, rules, tokens, now) {
      for (const rule of rules) {
        const each = seen(subject, rule, now)
        if (rule.algorithm === 'concurrency' || (tokens < 0 && !states.has(keyOf(subject, rule)))) continue
        if (tokens !== 0) save(subject, each, tokens)
      }
      return rules.map((rule) => snapshot(rule, states.get(keyOf(subject, rule)), now))
    },
    reset(subject, rules, now) {
      const inUse = rules.filter((rule) => !seen(subject, rule, now).in(0).full)
      const leases = inUse
        .filter((rule) => rule.algorithm === 'concurrency')
        .flatMap((rule) => [...leasesOf(states.get(keyOf(subject, rule)) as Saved).values()])
      for (const key of states.keys()) if (key.startsWith(`${subject} `)) states.delete(key)
      return { used: inUse.map(({ name }) => name), leases: leases.filter((ends) => ends > now).length }
    },
    lease(lease, now, renewUs) {
      const keys = (leased.get(lease) ?? []).filter((key) => states.has(key))
      for (const key of keys) {
        const saved = states.get(key) as Saved
        if (saved.time > now) states.set(key, moved(saved, saved.time - now))
      }
      const slots = keys.map((key) => [key, leasesOf(states.get(key) as Saved)] as const)
      const alive = slots.length > 0 && slots.every(([, leases]) => (leases.get(lease) ?? 0) > now)
      for (const [key, leases] of slots) {
        if (renewUs === undefined) (leases as Map<number, number>).delete(lease)
        else if (alive) hold(key, lease, now + renewUs, now)
      }
      return alive
    },
  }
  return model

  function hold(key: string, lease: number, ends: number, now?: number): void {
    const saved = states.get(key) as Saved
    states.set(key, { time: now ?? saved.time, leases: new Map([...leasesOf(saved), [lease, ends]]) })
  }
}

function leasesOf(saved: Saved): ReadonlyMap<number, number> {
  return saved['leases'] as ReadonlyMap<number, number>
}

export function leaseOf(rules: readonly LimiterRule[]): number {
  return Math.min(...rules.flatMap((rule) => (rule.algorithm === 'concurrency' ? [US(rule.lease)] : [])))
}

/** What was saved, so much earlier. */
function moved(saved: Saved, by: number): Saved {
  const charges = saved['charges'] as readonly Charge[] | undefined
  const leases = saved['leases'] as ReadonlyMap<number, number> | undefined
  return {
    ...saved,
    time: saved.time - by,
    ...(charges && { charges: charges.map(([time, tokens]) => [time - by, tokens] as const) }),
    ...(leases && { leases: new Map([...leases].map(([lease, ends]) => [lease, ends - by])) }),
  }
}

function snapshot(rule: LimiterRule, saved: Saved | undefined, now: number): Seen {
  const look = LOOKS[algorithmOf(rule)] as Look
  // Saved as counted now: other numbers of the rule apply from the next charge on.
  const later = look(rule, saved, now).add(0)
  return { rule, now, in: (ms) => look(rule, ms === 0 ? saved : later, now + ms * 1000) }
}

/** The differences between a decision and the expected one. Empty if there are none. */
export function mistakes(
  { allowed, cost, counting, before, after }: Expected,
  decision: LimiterDecision,
): string[] {
  const wrong: string[] = []
  const hold = (claim: string, holds: boolean): void => void (holds || wrong.push(claim))
  const isEnforced = ({ rule }: Seen): boolean => !rule.shadow
  const enforced = before.filter(isEnforced)
  const waitsFor = counting ? after.filter(isEnforced) : enforced
  const passesIn = (ms: number): boolean => waitsFor.every((each) => !each.in(ms).refuses(cost))

  hold(`allowed should be ${allowed}`, decision.allowed === allowed)
  hold('decidedBy', decision.decidedBy === 'redis')
  if (allowed) {
    hold('an allowed call violates nothing', decision.retryAfterMs === 0 && decision.violated.length === 0)
  } else {
    const over = enforced.filter((each) => each.in(0).refuses(cost)).map(({ rule }) => rule.name)
    hold('violated', decision.violated.join() === over.join())
    hold('waiting retryAfterMs lets the call pass', passesIn(decision.retryAfterMs))
    hold('a millisecond less does not', !passesIn(decision.retryAfterMs - 1))
    hold('the binding rule violates', counting || decision.violated.includes(decision.rule))
  }
  wrong.push(
    ...mistakenStates(
      after.filter(({ rule }) => !rule.shadow),
      decision.rules,
    ),
  )
  const shadows = after.filter(({ rule }) => rule.shadow)
  wrong.push(...mistakenStates(shadows, decision.shadow))
  for (const [at, { rule }] of shadows.entries()) {
    const refused = before
      .find((each) => each.rule === rule)
      ?.in(0)
      .refuses(cost)
    hold(`verdict of shadow ${rule.name}`, decision.shadow[at]?.allowed === !refused)
  }
  const binding = decision.rules.find(({ name }) => name === decision.rule)
  hold('remaining is that of the binding rule', decision.remaining === binding?.remaining)
  const least = Math.min(...decision.rules.map(({ remaining }) => remaining))
  hold('the binding rule of an allowed call has the least left', !allowed || decision.remaining === least)
  return wrong
}

export function mistakenStates(expected: readonly Seen[], states: readonly LimiterRuleState[]): string[] {
  const wrong: string[] = []
  const hold = (claim: string, holds: boolean): void => void (holds || wrong.push(claim))
  hold('as many rules', expected.length === states.length)
  for (const [at, { rule, in: look }] of expected.entries()) {
    const { name, remaining, nextMs, resetMs } = states[at] as LimiterRuleState
    hold(`remaining of ${rule.name}: ${remaining}`, name === rule.name && remaining === look(0).remaining)
    // Times that depend on the end of a lease or on the calendar are not exact to the millisecond.
    if (rule.algorithm === 'concurrency') continue
    hold(`resetMs of ${name}`, look(resetMs).full && (resetMs === 0 || !look(resetMs - 1).full))
    const more = (ms: number): boolean => look(ms).full || !look(ms).refuses(remaining + 1)
    hold(`nextMs of ${name}`, more(nextMs) && (nextMs === 0 ? look(0).full : !more(nextMs - 1)))
  }
  return wrong
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b)

function divisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : divisor(b, a % b)
}
