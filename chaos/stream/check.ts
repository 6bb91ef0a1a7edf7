import type { DeadLetterKind } from '@penknife/core'

import { type Claim, createClaims } from '../harness/claims.ts'
import { type Course, courseOf, type Delivery, type History } from './history.ts'
import { checkLimits } from './check-limits.ts'
import { checkOrder } from './check-order.ts'
import { intentOf, payloadOf, streamOf } from './plan.ts'

/** A dead letter in Redis at the end. */
export interface Dead {
  readonly id: string
  readonly json: string
  readonly attempts: number
  readonly why: DeadLetterKind
}

export interface Evidence {
  readonly seed: number
  readonly maxAttempts: number
  /** Adds of all producers a second. */
  readonly perSecond: number
  readonly history: History
  /** By `stream/group`. */
  readonly dead: ReadonlyMap<string, readonly Dead[]>
  /** Descriptions of entries that are not settled at the end; empty when all are. */
  readonly left: readonly string[]
}

export interface Verdict {
  readonly claims: readonly Claim[]
  readonly counts: Readonly<Record<string, number>>
}

/** Tolerance in milliseconds, because times of different processes and of Redis are compared. */
const TOLERANCE_MS = 5

/** Checks each claim against the records of the processes and the state of Redis at the end. */
export function check(evidence: Evidence): Verdict {
  const { history, left } = evidence
  const claims = createClaims()
  const counts: Record<string, number> = {}
  const count = (what: string, by: number = 1): void => void (counts[what] = (counts[what] ?? 0) + by)

  const drained = claims.claim('all entries are settled once the faults stop')
  drained(left.length === 0, () => left.join('; '))

  const one = claims.claim(
    'an add makes one entry, also when it is repeated with its id, or after an error with fate not-done',
  )
  const seen = idsSeen(evidence)
  for (const { n, ids, unknown } of history.adds.values()) {
    const all = new Set([...ids, ...(seen.get(n) ?? [])])
    one(all.size <= 1, () => `entry ${n} has the ids ${[...all].join(' and ')}`)
    count('adds')
    if (ids.size > 0) count('adds confirmed')
    else if (unknown) count('adds of unknown fate')
  }
  const known = claims.claim('every handled entry was added, and arrives unchanged')
  const fates = {
    kept: claims.claim('no confirmed entry is lost: each group finished it or has it in its dead letters'),
    once: claims.claim('an entry is settled once in a group: finished, or one dead letter'),
    holder: claims.claim('only the worker with the last lease of an entry finishes it'),
    again: claims.claim('a confirmed finish is not handled again'),
    attempts: claims.claim(
      'attempts rise with the fence, none exceeds maxAttempts, and only a returned or once vanished attempt is repeated',
    ),
    reported: claims.claim('a live worker reports how each of its attempts ended'),
    gaps: claims.claim(
      'an attempt without a handler call was used up by a worker that was killed or suspended',
    ),
    waits: claims.claim('no retry starts before its time'),
    delays: claims.claim('no delayed entry is handled before its time'),
    dead: claims.claim('each dead letter has its payload, its attempts and a true reason'),
    buried: claims.claim('an entry that can never succeed is in the dead letters'),
  }

  for (const group of history.groups) {
    const name = `${group.stream}/${group.group}`
    const dead = byId(evidence.dead.get(name) ?? [])
    for (const [id, letters] of dead) {
      count('dead letters', letters.length)
      for (const letter of letters) fates.dead(...trueLetter(evidence, letter, courseOf(group, id)))
    }
    for (const [id, course] of group.courses) {
      course.deliveries.sort((a, b) => a.fence - b.fence)
      for (const delivery of course.deliveries) {
        count('handler calls')
        count(delivery.outcome ?? 'outcome not reported')
        if (streamOf(delivery.n).priorities)
          count(`handler calls, ${intentOf(evidence.seed, delivery.n).priority}`)
        known(
          delivery.intact && history.adds.has(delivery.n),
          () => `entry ${id} is not what was added as ${delivery.n}`,
        )
        if (!delivery.outcome) {
          fates.reported(
            history.killed.has(delivery.life),
            () => `${delivery.life} says nothing of ${said(id, delivery)}`,
          )
        } else fates.reported(true, () => '')
        const { delayMs } = intentOf(evidence.seed, delivery.n)
        const asked = history.adds.get(delivery.n)?.askedAt
        if (delayMs > 0 && asked !== undefined) {
          const waited = delivery.at - asked
          fates.delays(
            waited >= delayMs - TOLERANCE_MS,
            () => `${id} after ${waited} ms, asked for ${delayMs}`,
          )
        }
      }
      count('recovered', course.recovered.length)
      checkCourse(id, course, dead.get(id) ?? [], evidence, fates)
    }
  }

  const ordered = claims.claim(
    'entries of a key are handled one after the other, in the order in which they were added',
  )
  for (const group of history.groups) checkOrder(evidence.seed, group, ordered, count)

  const limited = claims.claim('no more entries of a subject begin in any time than its limit allows')
  for (const group of history.groups) checkLimits(group, evidence.perSecond, limited, count)

  const lettersOf = new Map([...evidence.dead].map(([name, letters]) => [name, byId(letters)]))
  for (const { n, ids, unknown } of history.adds.values()) {
    const [id] = ids
    const plan = streamOf(n)
    for (const group of plan.groups) {
      const of = history.groups.find((each) => each.stream === plan.name && each.group === group)
      const course = id === undefined ? undefined : of?.courses.get(id)
      const letters = lettersOf.get(`${plan.name}/${group}`)?.get(id ?? '') ?? []
      if (id === undefined) {
        if (!unknown) fates.kept(false, () => `entry ${n} was never confirmed, and no fate is unknown`)
        continue
      }
      const done = course?.deliveries.some(({ outcome }) => outcome === 'done') ?? false
      const unreported = !done && letters.length === 0 && unreportedFinish(course, history)
      if (unreported) count('finishes that no worker reported')
      fates.kept(
        done || letters.length > 0 || unreported,
        () => `${plan.name}/${group} lost ${id} (${n}): ${story(course)}`,
      )
      const { manner } = intentOf(evidence.seed, n)
      if (manner === 'poison' || manner === 'never' || manner === 'invalid') {
        fates.buried(
          letters.length === 1,
          () => `${plan.name}/${group} has ${letters.length} dead letters of ${id}, ${manner}`,
        )
      }
    }
  }
  return { claims: claims.all, counts }
}

type Checks = Readonly<Record<'once' | 'holder' | 'again' | 'attempts' | 'gaps' | 'waits', Check>>
type Check = (holds: boolean, what: () => string) => void

/** Checks one entry in one group; its deliveries are in the order of their fences. */
function checkCourse(
  id: string,
  course: Course,
  letters: readonly Dead[],
  { history, maxAttempts }: Evidence,
  checks: Checks,
): void {
  const { deliveries } = course
  const done = deliveries.filter(({ outcome }) => outcome === 'done')
  checks.once(
    done.length + letters.length <= 1,
    () => `${id}: ${story(course)}, ${letters.length} dead letters`,
  )
  const last = deliveries.at(-1)
  for (const each of done) {
    checks.holder(
      each === last,
      () => `${said(id, each)} by ${each.life}, though there was ${said(id, last as Delivery)}`,
    )
    const after = deliveries.find(({ at, fence }) => at > (each.outcomeAt ?? 0) && fence > each.fence)
    checks.again(!after, () => `${said(id, each)} was done before ${said(id, after as Delivery)}`)
  }
  let before = 0
  /** Attempts with which a worker vanished: the first uses up none, the start of the second is recorded. */
  const vanished = new Set<number>()
  for (const [at, delivery] of deliveries.entries()) {
    const { attempt, fence } = delivery
    const previous = deliveries[at - 1]
    const gone = previous && (!previous.outcome || previous.outcome === 'lost')
    const again = previous?.outcome === 'returned' || (gone && !vanished.has(before))
    if (gone) vanished.add(before)
    checks.attempts(
      attempt >= before + (again ? 0 : 1) && attempt <= maxAttempts && fence > (previous?.fence ?? 0),
      () => `${said(id, delivery)} after ${previous ? said(id, previous) : 'none'}`,
    )
    for (let gap = before + 1; gap < attempt; gap++) {
      checks.gaps(course.recovered.includes(gap) || history.killed.size > 0, () => `${id} at attempt ${gap}`)
    }
    before = attempt
    if (previous?.outcome === 'retrying' && previous.failedAt !== undefined) {
      const waited = delivery.at - previous.failedAt
      const asked = previous.delayMs ?? 0
      checks.waits(
        waited >= asked - TOLERANCE_MS,
        () => `${said(id, delivery)} after ${waited} ms instead of ${asked}`,
      )
    }
  }
}

/** Whether a worker may have finished the entry and then was killed, or closed without Redis, before it got the reply. */
function unreportedFinish(course: Course | undefined, { killed }: History): boolean {
  const last = course?.deliveries.at(-1)
  if (last?.ended !== 'resolved') return false
  return last.outcome ? last.outcome === 'lost' && last.closing === true : killed.has(last.life)
}

/** Whether a dead letter is true. */
function trueLetter(
  { seed, maxAttempts, history }: Evidence,
  letter: Dead,
  course: Course,
): [boolean, () => string] {
  const { n } = JSON.parse(letter.json) as { n: number }
  const { manner } = intentOf(seed, n)
  const { deliveries } = course
  const reasons: Readonly<Record<DeadLetterKind, boolean>> = {
    failed: letter.attempts === maxAttempts,
    vanished: letter.attempts === maxAttempts,
    'never-retry': manner === 'never',
    invalid: manner === 'invalid' && deliveries.length === 0,
  }
  const most = deliveries.at(-1)?.attempt ?? 0
  const holds =
    letter.json === JSON.stringify(payloadOf(seed, n)) &&
    history.adds.has(n) &&
    reasons[letter.why] &&
    letter.attempts >= most
  return [holds, () => `${JSON.stringify(letter)}, ${manner}: ${story(course)}`]
}

/** Every id under which an entry number was seen. */
function idsSeen({ history, dead }: Evidence): ReadonlyMap<number, ReadonlySet<string>> {
  const seen = new Map<number, Set<string>>()
  const saw = (n: number, id: string): void => void seen.set(n, (seen.get(n) ?? new Set()).add(id))
  for (const { courses } of history.groups) {
    for (const [id, { deliveries }] of courses) for (const { n } of deliveries) saw(n, id)
  }
  for (const letters of dead.values()) {
    for (const { id, json } of letters) saw((JSON.parse(json) as { n: number }).n, id)
  }
  return seen
}

function byId(letters: readonly Dead[]): ReadonlyMap<string, readonly Dead[]> {
  const found = new Map<string, Dead[]>()
  for (const letter of letters) found.set(letter.id, [...(found.get(letter.id) ?? []), letter])
  return found
}

function said(id: string, { attempt, fence, life }: Delivery): string {
  return `${id} attempt ${attempt} fence ${fence} by ${life}`
}

function story(course: Course | undefined): string {
  if (!course || course.deliveries.length === 0) return 'never handled'
  return course.deliveries
    .map(
      ({ life, attempt, fence, ended, outcome }) =>
        `${attempt}#${fence} ${life} ${ended ?? 'not ended'}, ${outcome ?? 'no word'}`,
    )
    .join(' | ')
}
