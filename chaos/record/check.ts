import { type Claim, createClaims } from '../harness/claims.ts'
import type { Timed } from '../harness/journal.ts'
import type { Job } from './plan.ts'
import type { Record } from './records.ts'

export interface Verdict {
  readonly claims: readonly Claim[]
  readonly counts: Readonly<{ [what: string]: number }>
}

/** What is in Redis when all jobs are done. */
export interface Left {
  readonly log: readonly Job[]
  readonly done: readonly Job[]
  readonly tens: readonly string[]
  /** Jobs that were published. */
  readonly news: readonly string[]
  /** Boards and windows, such as `points hour`: score by member. */
  readonly boards: ReadonlyMap<string, ReadonlyMap<string, number>>
  readonly counters: ReadonlyMap<string, number>
  /** What did not come to an end. */
  readonly failed: readonly string[]
}

export type Journals = ReadonlyMap<string, readonly Timed<Record>[]>

/** Compares what the processes recorded, and what is in Redis, with what record and commit promise. */
export function check(journals: Journals, left: Left): Verdict {
  const claims = createClaims()
  const counts: { [what: string]: number } = {}
  const count = (what: string, by: number = 1): void => void (counts[what] = (counts[what] ?? 0) + by)
  const { log, done, tens, news, boards, counters } = left

  const once = claims.claim('every job that was confirmed is in the log once, every other at most once')
  const times = timesOf(log.map(({ job }) => job))
  const confirmed = new Map<string, string>()
  const asked = new Set<string>()
  const same = claims.claim('all calls with an id get the same results')
  const first = claims.claim('one call with an id is the first')
  const firsts = new Set<string>()
  const committed = claims.claim('one commit of a job is answered with now')
  const commits = new Set<string>()
  const kept = claims.claim('a job whose commit was confirmed is done')
  const doneTimes = timesOf(done.map(({ job }) => job))
  for (const records of journals.values()) {
    for (const record of records) {
      if (record.k === 'records') asked.add(record.job)
      else if (record.k === 'recorded') {
        const { job, repeated, results } = record
        count(repeated ? 'answers again' : 'answers')
        const before = confirmed.get(job) ?? results
        confirmed.set(job, before)
        same(before === results, () => `${job}: ${before} and ${results}`)
        if (repeated) continue
        first(!firsts.has(job), () => job)
        firsts.add(job)
      } else if (record.k === 'committed') {
        const { job, done: how } = record
        count(`commits: ${how}`)
        if (how !== 'lost') kept(doneTimes.has(job), () => job)
        if (how !== 'now') continue
        committed(!commits.has(job), () => job)
        commits.add(job)
      } else if (record.k === 'failed') count(`${record.what} failed: ${record.code}`)
    }
  }
  for (const job of asked) {
    const found = times.get(job) ?? 0
    once(found === 1 || (found === 0 && !confirmed.has(job)), () => `${job}: ${found} times`)
  }
  once(
    [...times.keys()].every((job) => asked.has(job)),
    () => 'one that nobody asked for',
  )
  count('jobs', log.length)

  const handled = claims.claim('every job of the log is done once')
  for (const job of times.keys())
    handled(doneTimes.get(job) === 1, () => `${job}: ${doneTimes.get(job)} times`)
  handled(done.length === log.length, () => `${done.length} done of ${log.length}`)
  const published = claims.claim('every job of the log was published once')
  const newsTimes = timesOf(news)
  for (const job of times.keys())
    published(newsTimes.get(job) === 1, () => `${job}: ${newsTimes.get(job)} times`)
  published(news.length === log.length, () => `${news.length} published of ${log.length}`)

  const replayed = claims.claim('every board is what a replay of its stream gives')
  const compare = (board: string, wanted: ReadonlyMap<string, number>): void => {
    const found = boards.get(board) ?? new Map<string, number>()
    for (const member of new Set([...wanted.keys(), ...found.keys()])) {
      const [has, wants] = [found.get(member) ?? 0, wanted.get(member) ?? 0]
      replayed(has === wants, () => `${board}, ${member}: ${has}, not ${wants}`)
    }
  }
  const points = sumsOf(log.map(({ member, points: by }) => [member, by]))
  for (const board of boards.keys()) if (board.startsWith('points ')) compare(board, points)
  const perMember = sumsOf(done.map(({ member }) => [member, 1]))
  compare('handled all', perMember)
  const counted = claims.claim('every counter is what a replay of its stream gives')
  const wanted = new Map([['recorded', log.length], ['done', done.length], ...perMember])
  for (const [counter, value] of wanted)
    counted(counters.get(counter) === value, () => `${counter}: ${counters.get(counter)}, not ${value}`)
  const joined = claims.claim('the job that brings a member to ten adds one entry, in the same step')
  const reached = [...perMember].filter(([, value]) => value >= 10).map(([member]) => member)
  joined(
    tens.toSorted().join() === reached.toSorted().join(),
    () => `${tens.toSorted().join()}, not ${reached.toSorted().join()}`,
  )
  const ends = claims.claim('everything comes to an end')
  ends(left.failed.length === 0, () => left.failed.join('; '))
  return { claims: claims.all, counts }
}

function timesOf(all: readonly string[]): ReadonlyMap<string, number> {
  return sumsOf(all.map((one) => [one, 1]))
}

function sumsOf(all: readonly (readonly [string, number])[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>()
  for (const [name, by] of all) sums.set(name, (sums.get(name) ?? 0) + by)
  return sums
}
