import { type Claim, createClaims, type Claims } from '../harness/claims.ts'
import type { Timed } from '../harness/journal.ts'
import { LEASE_MS, LOCKS, PERMITS, SKUS, STOCK } from './plan.ts'
import type { Record } from './records.ts'

export interface Verdict {
  readonly claims: readonly Claim[]
  readonly counts: Readonly<{ [what: string]: number }>
}

/** What is in Redis at the end, when every reservation is over. */
export interface Left {
  readonly counters: readonly {
    readonly counter: string
    readonly value: number
    readonly available: number
  }[]
  /** What did not come to an end. */
  readonly failed: readonly string[]
}

export type Journals = ReadonlyMap<string, readonly Timed<Record>[]>

/** A lease, as the process that got it recorded it. */
interface Lease {
  readonly life: string
  readonly fence: number
  readonly weight: number
  /** Before the call that got it was sent, and after it was answered. */
  readonly sentAt: number
  readonly gotAt: number
  /** Until then it is surely in force: it may be given back after it, or its first lease ends. */
  surelyUntil: number
}

/** Holds what the processes recorded against what guards promise. */
export function check(journals: Journals, left: Left): Verdict {
  const claims = createClaims()
  const counts: { [what: string]: number } = {}
  const count = (what: string, by: number = 1): void => void (counts[what] = (counts[what] ?? 0) + by)
  for (const of of LOCKS) checkLeases(claims, count, of, 1, journals)
  checkLeases(claims, count, 'permits', PERMITS, journals)
  checkWrites(claims, count, journals)
  checkStock(claims, count, journals, left)
  checkOnce(claims, count, journals)
  const ends = claims.claim('everything comes to an end')
  ends(left.failed.length === 0, () => left.failed.join('; '))
  for (const { code, what } of recordsIn(journals, 'failed')) count(`${what} failed: ${code}`)
  return { claims: merged(claims.all), counts }
}

function leasesOf(journals: Journals, of: string): readonly Lease[] {
  const leases: Lease[] = []
  for (const [life, records] of journals) {
    const mine = new Map<number, Lease>()
    for (const record of records) {
      if (record.k === 'got' && record.of === of) {
        const { fence, weight, at: sentAt, t: gotAt } = record
        const lease = { life, fence, weight, sentAt, gotAt, surelyUntil: sentAt + LEASE_MS }
        mine.set(fence, lease)
        leases.push(lease)
      } else if (record.k === 'releases' && record.of === of) {
        const lease = mine.get(record.fence)
        if (lease) lease.surelyUntil = Math.min(lease.surelyUntil, record.t)
      }
    }
  }
  return leases.toSorted((a, b) => a.fence - b.fence)
}

function checkLeases(
  claims: Claims,
  count: (what: string, by: number) => void,
  of: string,
  size: number,
  journals: Journals,
): void {
  const together = claims.claim('leases in force take no more than there is: a lock one, permits three')
  const rising = claims.claim('fences rise: a lease that was got later has a greater one')
  const unique = claims.claim('no two leases have the same fence')
  const leases = leasesOf(journals, of)
  count(of === 'permits' ? 'leases of permits' : 'leases of locks', leases.length)
  const fences = new Set(leases.map(({ fence }) => fence))
  unique(fences.size === leases.length, () => `${of}: ${leases.length - fences.size} times`)
  let latest: Lease | undefined
  for (const lease of leases) {
    // Of those with a lower fence, the one whose call was sent last.
    if (latest)
      rising(
        lease.gotAt > latest.sentAt,
        () => `${of}: ${lease.fence} of ${lease.life} was got before ${latest?.fence}`,
      )
    if (!latest || lease.sentAt > latest.sentAt) latest = lease
    // Given while it was asked for: all the while these were in force.
    const others = leases.filter(
      (other) => other !== lease && other.gotAt <= lease.sentAt && other.surelyUntil >= lease.gotAt,
    )
    const sum = others.reduce((total, { weight }) => total + weight, lease.weight)
    together(sum <= size, () => `${of}: ${sum} of ${size} with ${lease.fence} of ${lease.life}`)
  }
  // Permits have several holders.
  if (size > 1) return
  const believes = claims.claim('nobody believes to hold a lock after the next one got it')
  const gotAt = leases.map((lease) => [lease.fence, lease.gotAt] as const)
  for (const { fence, at, of: which } of recordsIn(journals, 'holds')) {
    if (which !== of) continue
    const next = gotAt.find(([later, got]) => later > fence && got < at)
    believes(!next, () => `${of}: ${fence} at ${at}, though ${next?.[0]} was got at ${next?.[1]}`)
  }
}

/** Versions say in which order writes were accepted. */
function checkWrites(claims: Claims, count: (what: string, by: number) => void, journals: Journals): void {
  const fenced = claims.claim('no write with an older fence after one with a newer')
  for (const of of LOCKS) {
    const wrote = [...recordsIn(journals, 'wrote')].filter((record) => record.of === of)
    count('writes', wrote.length)
    let newest = 0
    for (const { fence, version } of wrote.toSorted((a, b) => a.version - b.version)) {
      fenced(fence >= newest, () => `${of}: version ${version} with fence ${fence} after ${newest}`)
      newest = Math.max(newest, fence)
    }
  }
  count('writes refused by their fence', [...recordsIn(journals, 'refused write')].length)
}

function checkStock(
  claims: Claims,
  count: (what: string, by?: number) => void,
  journals: Journals,
  { counters }: Left,
): void {
  const sold = claims.claim('what was taken and what is left is the stock')
  const over = claims.claim('nothing is oversold')
  const back = claims.claim('what expired or was cancelled came back')
  const ended = new Map<string, boolean>()
  for (const { id, k } of [...recordsIn(journals, 'took'), ...recordsIn(journals, 'took nothing')])
    ended.set(id, k === 'took')
  for (const { how } of recordsIn(journals, 'reserved')) count(`reservations to ${how}`)
  for (const sku of SKUS) {
    let [taken, unknown] = [0, 0]
    for (const { sku: of, n, id } of recordsIn(journals, 'takes')) {
      if (of !== sku) continue
      const end = ended.get(id)
      // Killed before it knew.
      if (end === undefined) unknown += n
      else if (end) taken += n
    }
    const found = counters.find(({ counter }) => counter === sku)
    const value = found?.value ?? Number.NaN
    count('taken', taken)
    count('taken, perhaps', unknown)
    over(taken <= STOCK && value >= 0, () => `${sku}: ${taken} of ${STOCK} taken, ${value} left`)
    sold(
      value <= STOCK - taken && value >= STOCK - taken - unknown,
      () => `${sku}: ${taken} taken, ${unknown} perhaps, ${value} left of ${STOCK}`,
    )
    back(found?.available === value, () => `${sku}: ${found?.available} of ${value} can be taken`)
  }
}

function checkOnce(claims: Claims, count: (what: string, by?: number) => void, journals: Journals): void {
  const first = claims.claim('once: one completion of an id is confirmed')
  const same = claims.claim('once: everybody is given the same result')
  const results = new Map<string, string>()
  const completed = new Map<string, string>()
  for (const [life, records] of journals) {
    for (const record of records) {
      if (record.k === 'body') count('bodies that ran')
      if (record.k !== 'completed' && record.k !== 'learned') continue
      count(`results ${record.k}`)
      const { id, result } = record
      if (record.k === 'completed') {
        first(!completed.has(id), () => `${id}: ${completed.get(id)} and ${life}`)
        completed.set(id, life)
      }
      const before = results.get(id) ?? result
      results.set(id, before)
      same(before === result, () => `${id}: ${before} and ${result}`)
    }
  }
}

/** Claims of the same words, as they are made of several locks, as one. */
function merged(all: readonly Claim[]): readonly Claim[] {
  const found = new Map<string, Claim>()
  for (const { claim, checked, against } of all) {
    const before = found.get(claim)
    found.set(claim, {
      claim,
      checked: checked + (before?.checked ?? 0),
      against: [...(before?.against ?? []), ...against],
    })
  }
  return [...found.values()]
}

type Kind<K extends Record['k']> = Timed<Extract<Record, { readonly k: K }>>

function* recordsIn<K extends Record['k']>(journals: Journals, kind: K): Generator<Kind<K>> {
  for (const records of journals.values())
    for (const record of records) if (record.k === kind) yield record as Kind<K>
}
