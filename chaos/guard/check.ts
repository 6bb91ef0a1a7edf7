import { type Claim, createClaims, type Claims } from '../harness/claims.ts'
import type { Timed } from '../harness/journal.ts'
import { LEASE_MS, LOCKS, PERMITS, SKUS, STOCK } from './plan.ts'
import type { Record } from './records.ts'

export interface Verdict {
  readonly claims: readonly Claim[]
  readonly counts: Readonly<{ [what: string]: number }>
}

/** The state of Redis at the end, when every reservation has ended. */
export interface Left {
  readonly counters: readonly {
    readonly counter: string
    readonly value: number
    readonly available: number
  }[]
  /** Processes and calls that did not end. */
  readonly failed: readonly string[]
}

export type Journals = ReadonlyMap<string, readonly Timed<Record>[]>

/** A lease, as the process that got it recorded it. */
interface Lease {
  readonly life: string
  readonly fence: number
  readonly weight: number
  /** The times before the call that got it was sent, and after it was answered. */
  readonly sentAt: number
  readonly gotAt: number
  /**
   * Until then it was certainly in force. After that it may have been released, or its first lease may have expired.
   */
  surelyUntil: number
}

/** Checks the records of the processes against the promises of guards. */
export function check(journals: Journals, left: Left): Verdict {
  const claims = createClaims()
  const counts: { [what: string]: number } = {}
  const count = (what: string, by: number = 1): void => void (counts[what] = (counts[what] ?? 0) + by)
  for (const of of LOCKS) checkLeases(claims, count, of, 1, journals)
  checkLeases(claims, count, 'permits', PERMITS, journals)
  checkWrites(claims, count, journals)
  checkStock(claims, count, journals, left)
  checkOnce(claims, count, journals)
  const ends = claims.claim('every process and call ends')
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
  const together = claims.claim('leases in force never exceed the size: one of a lock, three of permits')
  const rising = claims.claim('fences rise: a later lease has a greater one')
  const unique = claims.claim('no two leases have the same fence')
  const leases = leasesOf(journals, of)
  count(of === 'permits' ? 'leases of permits' : 'leases of locks', leases.length)
  const fences = new Set(leases.map(({ fence }) => fence))
  unique(fences.size === leases.length, () => `${of}: ${leases.length - fences.size} times`)
  let latest: Lease | undefined
  for (const lease of leases) {
    // The lease with a lower fence whose call was sent last.
    if (latest)
      rising(
        lease.gotAt > latest.sentAt,
        () => `${of}: ${lease.fence} of ${lease.life} was got before ${latest?.fence}`,
      )
    if (!latest || lease.sentAt > latest.sentAt) latest = lease
    // Leases that were in force during the whole call.
    const others = leases.filter(
      (other) => other !== lease && other.gotAt <= lease.sentAt && other.surelyUntil >= lease.gotAt,
    )
    const sum = others.reduce((total, { weight }) => total + weight, lease.weight)
    together(sum <= size, () => `${of}: ${sum} of ${size} with ${lease.fence} of ${lease.life}`)
  }
  // Permits have several holders.
  if (size > 1) return
  const believes = claims.claim('no process takes its lease for valid after the next one got the lock')
  const gotAt = leases.map((lease) => [lease.fence, lease.gotAt] as const)
  for (const { fence, at, of: which } of recordsIn(journals, 'holds')) {
    if (which !== of) continue
    const next = gotAt.find(([later, got]) => later > fence && got < at)
    believes(!next, () => `${of}: ${fence} at ${at}, though ${next?.[0]} was got at ${next?.[1]}`)
  }
}

/** The versions give the order in which writes were accepted. */
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
  const sold = claims.claim('the sum of sold and remaining units is the stock')
  const over = claims.claim('no more is sold than the stock')
  const back = claims.claim('expired and cancelled reservations are given back')
  const ended = new Map<string, boolean>()
  for (const { id, k } of [...recordsIn(journals, 'took'), ...recordsIn(journals, 'took nothing')])
    ended.set(id, k === 'took')
  for (const { how } of recordsIn(journals, 'reserved')) count(`reservations to ${how}`)
  for (const sku of SKUS) {
    let [taken, unknown] = [0, 0]
    for (const { sku: of, n, id } of recordsIn(journals, 'takes')) {
      if (of !== sku) continue
      const end = ended.get(id)
      // It was killed before it got the reply.
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
  const same = claims.claim('once: all callers get the same result')
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

/** Joins claims with the same text, which are made for each lock. */
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
