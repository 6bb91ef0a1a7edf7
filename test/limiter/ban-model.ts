import type { LimiterBanOptions, LimiterRule } from '@penknife/core'

import { createModel, type Expected } from './model.ts'

interface Subject {
  /** Denials that count, from a time on. */
  count?: { time: number; until: number; denials: number } | undefined
  bans?: { time: number; ends: number; until: number; nth: number } | undefined
  block?: { time: number; ends: number; nth: number } | undefined
}

export interface BanModel {
  take(
    subject: string,
    cost: number,
    now: number,
  ): {
    readonly expected: Expected
    readonly blocked: { readonly ban: number; readonly endsInMs: number } | undefined
    readonly shadowBan: number | undefined
  }
  unblock(subject: string, now: number): boolean
  reset(subject: string): void
  isBlocked(subject: string, now: number): boolean
  /** The block in force, if there is one. */
  blocks(subject: string, now: number): readonly { readonly ban: number; readonly endsInMs: number }[]
  /** Whether nothing has expired. What expired may be deleted or not, and would count again under a clock that is set back. */
  isWhole(now: number): boolean
}

/** Bans in plain counting. Times are whole microseconds, options milliseconds. */
export function createBanModel(rules: readonly LimiterRule[], ban: LimiterBanOptions): BanModel {
  let model = createModel()
  const subjects = new Map<string, Subject>()
  /** A reset gives the subject another name in the model of the rules. */
  const lives = new Map<string, number>()
  const us = (ms: unknown): number => Number(ms) * 1000

  function at(name: string): Subject {
    const found = subjects.get(name) ?? {}
    subjects.set(name, found)
    return found
  }
  /** By how much a clock that was set back moves a time. */
  const back = (time: number, now: number): number => Math.max(0, time - now)

  function inForce(found: Subject, now: number): Subject['block'] {
    const { block } = found
    if (!block) return undefined
    const by = back(block.time, now)
    return block.ends - by > now ? { ...block, time: block.time - by, ends: block.ends - by } : undefined
  }

  return {
    take(name, cost, now) {
      const found = at(name)
      const own = `${name} ${lives.get(name) ?? 0}`
      const block = inForce(found, now)
      if (block) {
        found.block = block
        const endsInMs = Math.ceil((block.ends - now) / 1000)
        const expected = model.take(own, rules, 0, now)
        return { expected, blocked: { ban: block.nth, endsInMs }, shadowBan: undefined }
      }
      const expected = model.take(own, rules, cost, now)
      const bans = found.bans && moved(found.bans, now)
      if (ban.shadow && bans && bans.ends > now) return { expected, blocked: undefined, shadowBan: bans.nth }
      if (expected.allowed || cost === 0) return { expected, blocked: undefined, shadowBan: undefined }
      const counting = found.count && movedCount(found.count, now)
      const denials = (counting?.denials ?? 0) + 1
      if (denials < ban.denials) {
        const time = counting?.time ?? now
        found.count = { time, until: time + us(ban.within), denials }
        found.bans = bans
        return { expected, blocked: undefined, shadowBan: undefined }
      }
      const nth = (bans?.nth ?? 0) + 1
      const length = Math.floor(Math.min(us(ban.max), us(ban.duration) * (ban.factor as number) ** (nth - 1)))
      const ends = now + length
      found.count = undefined
      found.bans = { time: now, ends, until: ends + us(ban.forgetAfter), nth }
      if (ban.shadow) return { expected, blocked: undefined, shadowBan: nth }
      found.block = { time: now, ends, nth }
      return { expected, blocked: { ban: nth, endsInMs: Math.ceil(length / 1000) }, shadowBan: undefined }
    },
    unblock(name, now) {
      const found = at(name)
      // A block is ended whether the clock was set back or not.
      const was = found.block !== undefined && found.block.ends > now
      found.block = undefined
      return was
    },
    isWhole: (now) =>
      [...subjects.values()].every(
        (found) =>
          (!found.count || movedCount(found.count, now) !== undefined) &&
          (!found.bans || moved(found.bans, now) !== undefined) &&
          (!found.block || inForce(found, now) !== undefined),
      ),
    isBlocked: (name, now) => inForce(at(name), now) !== undefined,
    blocks(name, now) {
      const block = inForce(at(name), now)
      return block ? [{ ban: block.nth, endsInMs: Math.ceil((block.ends - now) / 1000) }] : []
    },
    reset(name) {
      subjects.delete(name)
      lives.set(name, (lives.get(name) ?? 0) + 1)
    },
  }

  function moved(bans: NonNullable<Subject['bans']>, now: number): Subject['bans'] {
    const by = back(bans.time, now)
    const { nth } = bans
    const next = { time: bans.time - by, ends: bans.ends - by, until: bans.until - by, nth }
    return next.until > now ? next : undefined
  }

  function movedCount(count: NonNullable<Subject['count']>, now: number): Subject['count'] {
    const by = back(count.time, now)
    const next = { time: count.time - by, until: count.until - by, denials: count.denials }
    return next.until > now ? next : undefined
  }
}
