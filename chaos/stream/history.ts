import type { Timed } from '../harness/journal.ts'
import type { ProducerRecord, Record, WorkerRecord } from './records.ts'

/** An entry number and what its producer knows of it. */
export interface Added {
  readonly n: number
  /** When it was first added. */
  readonly askedAt: number
  readonly ids: Set<string>
  unknown: boolean
}

export type Outcome = 'done' | 'retrying' | 'dead' | 'lost' | 'returned'

/** One delivery of an entry to a handler. */
export interface Delivery {
  readonly life: string
  readonly n: number
  readonly at: number
  readonly attempt: number
  readonly fence: number
  readonly intact: boolean
  /** When the limiter was asked about it, if its group has a limit. */
  readonly askedAt: number | undefined
  /** Whether the handler was about to resolve or to throw. */
  ended?: 'resolved' | 'threw'
  endedAt?: number
  failedAt?: number
  outcome?: Outcome
  /** The outcome was reported while the worker closed; it then no longer repeats a call of unknown fate. */
  closing?: boolean
  outcomeAt?: number
  /** With `retrying`. */
  delayMs?: number
}

/** The course of an entry in one group. */
export interface Course {
  readonly deliveries: Delivery[]
  /** Attempts that a worker found used up by another. */
  readonly recovered: number[]
  /** Reported dead without a handler call: invalid payloads. */
  deadUnstarted: number
}

export interface GroupHistory {
  readonly stream: string
  readonly group: string
  /** By entry id. */
  readonly courses: Map<string, Course>
  /** How often its workers asked a limiter. */
  asked: number
}

export interface History {
  readonly adds: ReadonlyMap<number, Added>
  readonly groups: readonly GroupHistory[]
  /** Lives that ended by SIGKILL. */
  readonly killed: ReadonlySet<string>
  readonly troubles: number
  /** Adds that failed, by code. */
  readonly failedAdds: Readonly<{ [code: string]: number }>
}

/** The life of a process of which a journal is: a worker has a journal for each group, `<life> <stream>-<group>`. */
export function lifeOf(journal: string): string {
  return journal.split(' ')[0] as string
}

/** Combines the records of the processes. */
export function historyOf(journals: ReadonlyMap<string, readonly Timed<Record>[]>): History {
  const adds = new Map<number, Added>()
  const groups = new Map<string, GroupHistory>()
  const killed = new Set<string>()
  const failedAdds: { [code: string]: number } = {}
  let troubles = 0
  for (const [journal, records] of journals) {
    const life = lifeOf(journal)
    const born = records.find(({ k }) => k === 'born') as Timed<WorkerRecord & { k: 'born' }> | undefined
    if (born) troubles += follow(life, records as readonly Timed<WorkerRecord>[], groupOf(groups, born))
    for (const record of records) {
      if (record.k === 'fault' && record.fault === 'kill') killed.add(record.on)
      else if (record.k === 'add' || record.k === 'added' || record.k === 'failed add') {
        add(adds, record)
        if (record.k === 'failed add') failedAdds[record.code] = (failedAdds[record.code] ?? 0) + 1
      }
    }
  }
  return { adds, groups: [...groups.values()], killed, troubles, failedAdds }
}

function groupOf(
  groups: Map<string, GroupHistory>,
  { stream, group }: { stream: string; group: string },
): GroupHistory {
  const name = `${stream}/${group}`
  const found = groups.get(name) ?? { stream, group, courses: new Map<string, Course>(), asked: 0 }
  groups.set(name, found)
  return found
}

export function courseOf(group: GroupHistory, id: string): Course {
  const found = group.courses.get(id) ?? { deliveries: [], recovered: [], deadUnstarted: 0 }
  group.courses.set(id, found)
  return found
}

function add(adds: Map<number, Added>, record: Timed<ProducerRecord> & { readonly n: number }): void {
  const added = adds.get(record.n) ?? {
    n: record.n,
    askedAt: record.t,
    ids: new Set<string>(),
    unknown: false,
  }
  adds.set(record.n, added)
  if (record.k === 'added') added.ids.add(record.id)
  if (record.k === 'failed add' && record.fate === 'unknown') added.unknown = true
}

/** Adds the records of one life of a worker, in order; returns how often it had trouble. */
function follow(life: string, records: readonly Timed<WorkerRecord>[], group: GroupHistory): number {
  const open = new Map<string, Delivery>()
  const asked = new Map<string, number>()
  let troubles = 0
  let closing = false
  for (const record of records) {
    if (record.k === 'trouble') troubles += 1
    if (record.k === 'closing') closing = true
    if (record.k === 'asked') {
      group.asked += 1
      asked.set(record.id, record.t)
      continue
    }
    if (!('id' in record)) continue
    const { k, id, a, f, t } = record
    const key = `${id} ${f}`
    const course = courseOf(group, id)
    const delivery = open.get(key)
    if (k === 'start') {
      const { n, intact } = record
      const begun: Delivery = { life, n, at: t, attempt: a, fence: f, intact, askedAt: asked.get(id) }
      course.deliveries.push(begun)
      open.set(key, begun)
    } else if (k === 'recovered') course.recovered.push(a)
    else if (!delivery) {
      // Returned, dead or lost without a handler call.
      if (k === 'dead') course.deadUnstarted += 1
    } else if (k === 'end') {
      delivery.ended = record.ok ? 'resolved' : 'threw'
      delivery.endedAt = t
    } else if (k === 'failed') delivery.failedAt = t
    else if (k !== 'returned' || !delivery.outcome) {
      // An entry whose lease ended is first lost and then returned.
      delivery.closing = closing
      delivery.outcome = k
      delivery.outcomeAt = t
      if (k === 'retrying') delivery.delayMs = record.delayMs
    }
  }
  return troubles
}
