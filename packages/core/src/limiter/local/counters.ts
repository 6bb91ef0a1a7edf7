import type { KnownRule } from '../rule.ts'
import type { Counter, LocalLease } from './counter.ts'

const counters: Readonly<Record<KnownRule['letter'], (rule: KnownRule) => Counter>> = {
  g: gcra,
  f: fixedWindow,
  c: calendar,
  w: slidingWindow,
  l: slidingLog,
  s: slots,
}

export function createCounter(rule: KnownRule): Counter {
  return counters[rule.letter](rule)
}

function gcra(rule: KnownRule): Counter {
  const [drain, token, capacity] = rule.parameters(0) as [number, number, number]
  let time = 0
  let level = 0
  return {
    advance({ us: now }) {
      level = Math.max(0, level - (now - time) * drain)
      time = now
    },
    over: (tokens) => level + tokens * token > capacity,
    add: (tokens) => void (level = Math.min(level + tokens * token, 2 * capacity)),
    giveBack(tokens, { us }) {
      level = Math.max(0, level - Math.max(0, tokens * token - (time - us) * drain))
    },
    giveBackLatest: (tokens) => void (level = Math.max(0, level - tokens * token)),
    state: () => [level],
    isFull: () => level === 0,
  }
}

function fixedWindow(rule: KnownRule): Counter {
  const [limit, window] = rule.parameters(0) as [number, number]
  let time = 0
  let start = 0
  let used = 0
  return {
    advance({ us: now }) {
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
    giveBackLatest: (tokens) => void (used = Math.max(0, used - tokens)),
    state: () => [used, used > 0 ? start + window - time : 0],
    isFull: () => used === 0,
  }
}

function calendar(rule: KnownRule): Counter {
  let [limit, start, end] = [0, 0, 0]
  let time = 0
  let wall = 0
  let used = 0
  return {
    advance({ us, wallUs }) {
      time = us
      wall = wallUs
      if (wall >= start && wall < end) return
      const [most, from, to] = rule.parameters(Math.floor(wall / 1000)) as [number, number, number]
      // With an earlier period the clock was set back: used tokens stay used.
      if (from > start) used = 0
      limit = most
      start = from
      end = to
    },
    over: (tokens) => used + tokens > limit,
    add: (tokens) => void (used = Math.min(used + tokens, 2 * limit)),
    giveBack(tokens, { us, wallUs }) {
      // The wall clock may have been set back.
      if (Math.min(wallUs, wall - (time - us)) >= start) used = Math.max(0, used - tokens)
    },
    giveBackLatest: (tokens) => void (used = Math.max(0, used - tokens)),
    state: () => [used, end - wall],
    isFull: () => used === 0,
  }
}

function slidingWindow(rule: KnownRule): Counter {
  const [limit, window, tick] = rule.parameters(0) as [number, number, number]
  const ticks = window / tick
  let time = 0
  let saved = { start: -Infinity, before: 0, used: 0 }
  let { start, before, used } = saved
  return {
    advance({ us: now }) {
      time = now
      // Computed from the state of the last charge, so that repeated calls do not move a window.
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
    giveBackLatest(tokens) {
      before = Math.max(0, before - Math.max(0, tokens - used))
      used = Math.max(0, used - tokens)
      saved = { start, before, used }
    },
    state: () => [before, used, time - start],
    isFull: () => before + used === 0,
  }
}

function slidingLog(rule: KnownRule): Counter {
  const [limit, window] = rule.parameters(0) as [number, number]
  /** Oldest first; at most twice the limit. */
  let charges: { readonly at: number; readonly tokens: number }[] = []
  let time = 0
  let used = 0
  const leftOf = (charge: { readonly at: number } | undefined): number =>
    charge === undefined ? 0 : charge.at + window - time
  /** The time until so many tokens have come back. */
  const until = (fewer: number): number => {
    let freed = 0
    return leftOf(charges.find((charge) => (freed += charge.tokens) >= fewer))
  }

  return {
    advance({ us: now }) {
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
    giveBackLatest(tokens) {
      let left = tokens
      while (left > 0 && charges.length > 0) {
        const last = charges.pop() as { readonly at: number; readonly tokens: number }
        if (last.tokens > left) charges.push({ at: last.at, tokens: last.tokens - left })
        used -= Math.min(left, last.tokens)
        left -= last.tokens
      }
    },
    state(tokens) {
      return [
        used,
        until(used + tokens - limit),
        until(Math.max(1, used - limit + 1)),
        leftOf(charges.at(-1)),
      ]
    },
    isFull: () => used === 0,
  }
}

function slots(rule: KnownRule): Counter {
  const [limit] = rule.parameters(0) as [number]
  /** When each lease expires, in that order, because all leases of a rule have the same length. */
  const leases = new Map<LocalLease, number>()
  let time = 0
  return {
    advance({ us: now }) {
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
    giveBackLatest() {},
    state() {
      const [first] = leases.values()
      return [leases.size, first !== undefined && leases.size >= limit ? first - time : 0]
    },
    isFull: () => leases.size === 0,
    renewOrRelease(lease, renew) {
      if (!leases.delete(lease)) return false
      if (renew) leases.set(lease, time + lease.leaseUs)
      return true
    },
  }
}
