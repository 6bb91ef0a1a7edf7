import type { KnownRule } from '../rule.ts'

/**
 * What a subject used under one rule, counted in this process as the script counts it in Redis (the file of the algorithm in
 * lua/_lib says how, and why nothing is rounded in the caller's favour).
 */
export interface Tally {
  /** Brings it up to a time; before anything else. */
  look(now: Moment): void
  /** Whether so many tokens more are too many. */
  over(tokens: number): boolean
  /** Charges tokens, and a slot for a lease. */
  add(tokens: number, lease: LocalLease): void
  /** Gives back tokens that were charged at a time, less what came back since. */
  giveBack(tokens: number, since: Moment): void
  /** The numbers that the script would tell. */
  tell(tokens: number): readonly number[]
  /** Nothing is in use: it can be forgotten. */
  rested(): boolean
  /** Renews a lease, or gives it back; false when it had ended. */
  hold(lease: LocalLease, renew: boolean): boolean
}

/** Microseconds of a clock that never goes back, and of the wall clock, which calendar periods go by. */
export interface Moment {
  readonly us: number
  readonly wallUs: number
}

/** A call that may hold slots, and for how long. */
export interface LocalLease {
  readonly leaseUs: number
}

export function createTally(rule: KnownRule): Tally {
  return { hold: () => false, ...kinds[rule.letter](rule) }
}

type Kind = (rule: KnownRule) => Omit<Tally, 'hold'> & Partial<Pick<Tally, 'hold'>>

const kinds: Readonly<Record<KnownRule['letter'], Kind>> = {
  g: gcra,
  f: fixedWindow,
  c: calendar,
  w: slidingWindow,
  l: slidingLog,
  s: slots,
}

function gcra(rule: KnownRule): ReturnType<Kind> {
  const [drain, token, capacity] = rule.numbers(0) as [number, number, number]
  let time = 0
  let level = 0
  return {
    look({ us: now }) {
      level = Math.max(0, level - (now - time) * drain)
      time = now
    },
    over: (tokens) => level + tokens * token > capacity,
    add: (tokens) => void (level = Math.min(level + tokens * token, 2 * capacity)),
    giveBack(tokens, { us }) {
      level = Math.max(0, level - Math.max(0, tokens * token - (time - us) * drain))
    },
    tell: () => [level],
    rested: () => level === 0,
  }
}

function fixedWindow(rule: KnownRule): ReturnType<Kind> {
  const [limit, window] = rule.numbers(0) as [number, number]
  let time = 0
  let start = 0
  let used = 0
  return {
    look({ us: now }) {
      time = now
      if (used > 0 && now < start + window) return
      start = now
      used = 0
    },
    over: (tokens) => used + tokens > limit,
    add: (tokens) => void (used = Math.min(used + tokens, 2 * limit)),
    giveBack(tokens, { us }) {
      if (us >= start) used = Math.max(0, used - tokens)
    },
    tell: () => [used, used > 0 ? start + window - time : 0],
    rested: () => used === 0,
  }
}

function calendar(rule: KnownRule): ReturnType<Kind> {
  let [limit, start, end] = [0, 0, 0]
  let time = 0
  let wall = 0
  let used = 0
  return {
    look({ us, wallUs }) {
      time = us
      wall = wallUs
      if (wall >= start && wall < end) return
      const [most, from, to] = rule.numbers(Math.floor(wall / 1000)) as [number, number, number]
      // An earlier period: the clock was stepped back, and what was used stays used.
      if (from > start) used = 0
      limit = most
      start = from
      end = to
    },
    over: (tokens) => used + tokens > limit,
    add: (tokens) => void (used = Math.min(used + tokens, 2 * limit)),
    giveBack(tokens, { us, wallUs }) {
      // The wall clock may have been stepped back.
      if (Math.min(wallUs, wall - (time - us)) >= start) used = Math.max(0, used - tokens)
    },
    tell: () => [used, end - wall],
    rested: () => used === 0,
  }
}

function slidingWindow(rule: KnownRule): ReturnType<Kind> {
  const [limit, window, tick] = rule.numbers(0) as [number, number, number]
  const ticks = window / tick
  let time = 0
  let saved = { start: -Infinity, before: 0, used: 0 }
  let { start, before, used } = saved
  return {
    look({ us: now }) {
      time = now
      // From what was saved with the last charge: to look twice must not move a window.
      const passed = Math.floor((now - saved.start) / window)
      before = passed === 0 ? saved.before : passed === 1 ? saved.used : 0
      used = passed === 0 ? saved.used : 0
      start = before + used > 0 ? saved.start + passed * window : now
    },
    over(tokens) {
      const covered = ticks - Math.floor((time - start) / tick)
      return before * covered + (used + tokens) * ticks > limit * ticks
    },
    add(tokens) {
      used = Math.min(used + tokens, 2 * limit)
      saved = { start, before, used }
    },
    giveBack(tokens, { us }) {
      if (us >= start) used = Math.max(0, used - tokens)
      else if (us >= start - window) before = Math.max(0, before - tokens)
      saved = { start, before, used }
    },
    tell: () => [before, used, time - start],
    rested: () => before + used === 0,
  }
}

function slidingLog(rule: KnownRule): ReturnType<Kind> {
  const [limit, window] = rule.numbers(0) as [number, number]
  /** Oldest first: at most twice the limit. */
  let charges: { readonly at: number; readonly tokens: number }[] = []
  let time = 0
  let used = 0
  const leftOf = (charge: { readonly at: number } | undefined): number =>
    charge === undefined ? 0 : charge.at + window - time

  return {
    look({ us: now }) {
      time = now
      const first = charges.findIndex(({ at }) => at > now - window)
      if (first === 0) return
      charges = first === -1 ? [] : charges.slice(first)
      used = charges.reduce((sum, { tokens }) => sum + tokens, 0)
    },
    over: (tokens) => used + tokens > limit,
    add(tokens) {
      const charged = Math.min(tokens, 2 * limit - used)
      if (charged > 0) charges.push({ at: time, tokens: charged })
      used += charged
    },
    giveBack(tokens, { us }) {
      let left = tokens
      charges = charges.flatMap((charge) => {
        const back = charge.at === us ? Math.min(left, charge.tokens) : 0
        left -= back
        return charge.tokens > back ? [{ at: charge.at, tokens: charge.tokens - back }] : []
      })
      used -= tokens - left
    },
    tell(tokens) {
      let freed = 0
      const fits = charges.find((charge) => (freed += charge.tokens) >= used + tokens - limit)
      return [used, leftOf(fits), leftOf(charges[0]), leftOf(charges.at(-1))]
    },
    rested: () => used === 0,
  }
}

function slots(rule: KnownRule): ReturnType<Kind> {
  const [limit] = rule.numbers(0) as [number]
  /** When each lease ends: in their order, as those of one rule are as long. */
  const leases = new Map<LocalLease, number>()
  let time = 0
  return {
    look({ us: now }) {
      time = now
      for (const [lease, ends] of leases) {
        if (ends > now) break
        leases.delete(lease)
      }
    },
    over: (tokens) => tokens > 0 && leases.size >= limit,
    add(tokens, lease) {
      if (tokens > 0) leases.set(lease, time + lease.leaseUs)
    },
    giveBack() {},
    tell() {
      const [first] = leases.values()
      return [leases.size, first !== undefined && leases.size >= limit ? first - time : 0]
    },
    rested: () => leases.size === 0,
    hold(lease, renew) {
      if (!leases.delete(lease)) return false
      if (renew) leases.set(lease, time + lease.leaseUs)
      return true
    },
  }
}
