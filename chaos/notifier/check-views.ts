import type { Claims } from '../harness/claims.ts'
import type { Timed } from '../harness/journal.ts'
import type { Record } from './records.ts'

type Journals = ReadonlyMap<string, readonly Timed<Record>[]>

/** Faults after which a board may have an earlier state, or none. */
const LOSSES = new Set(['flush', 'wiped', 'promotion'])
/** How long a picture may be under way: to a frozen process, over a silent connection. */
const UNDER_WAY_MS = 10_000

/** Checks each picture that somebody saw of the board against the states that it was given. */
export function checkViews(claims: Claims, journals: Journals, count: (what: string) => void): void {
  const had = claims.claim('each picture of a view is a state that the board was given, as a whole')
  const order = claims.claim('a view never goes back to an earlier state, unless Redis lost data')
  const scored = new Map<number, number>()
  const losses: number[] = []
  for (const records of journals.values()) {
    for (const record of records) {
      if (record.k === 'scores') scored.set(record.n, record.t)
      else if (record.k === 'scored') count('states of the board')
      else if (record.k === 'failed score') count(`states that were not confirmed: ${record.code}`)
      if (record.k === 'fault' && LOSSES.has(record.fault)) losses.push(record.t)
    }
  }
  for (const [viewer, records] of viewersIn(journals)) {
    let last: { readonly n: number; readonly t: number } | undefined
    for (const { n, t, rows } of records) {
      count('pictures seen')
      const since = n === null ? undefined : n === 0 ? -Infinity : scored.get(n)
      had(since !== undefined && since <= t, () => `${viewer}: ${rows ?? n}`)
      if (n === null) continue
      const before = last
      const back = before !== undefined && n < before.n
      const lost = back && losses.some((at) => at > before.t - UNDER_WAY_MS && at < t)
      order(!back || lost, () => `${viewer}, t ${Math.round(t)}: ${n} after ${before?.n}`)
      last = { n, t }
    }
  }
}

type Picture = Timed<Extract<Record, { readonly k: 'picture' }>>

/** The pictures of each viewer, over all lives of its process. */
function viewersIn(journals: Journals): ReadonlyMap<string, readonly Picture[]> {
  const viewers = new Map<string, Picture[]>()
  for (const [life, records] of journals) {
    for (const record of records) {
      if (record.k !== 'picture') continue
      const viewer = `${life.slice(0, life.lastIndexOf('.'))}#${record.v}`
      viewers.set(viewer, [...(viewers.get(viewer) ?? []), record])
    }
  }
  for (const [viewer, pictures] of viewers)
    viewers.set(
      viewer,
      pictures.toSorted((a, b) => a.t - b.t),
    )
  return viewers
}
