import { invalid } from '../errors.ts'
import { checkOptions, checkText } from '../options.ts'
import { type Committer, createCommitter } from '../record/committer.ts'
import type { Effect } from '../record/effect.ts'
import type { CommitAnswer } from '../record/types.ts'
import { traced } from '../traced.ts'
import { SOURCES } from './sources.ts'
import type { Scope } from './scope.ts'
import type { StreamEntryLease } from './worker-types.ts'

const COMMIT = traced('commit')
const POSITION = /^\d{1,20}-\d{1,20}$/
/** The most consumers whose committers are kept. A consumer that is dropped only loses which of its answers it may forget. */
const MOST = 1000

/** `commit` of a stream: for loops that read a group by themselves. */
export function createOwnCommit(
  scope: Scope,
): (lease: StreamEntryLease, ...effects: readonly Effect[]) => Promise<CommitAnswer<never>> {
  const { space, runtime, keys, stream, title, declared, checkGroup } = scope
  const committers = new Map<string, Committer>()

  function committerOf(group: string, consumer: string): Committer {
    const name = `${group} ${consumer}`
    let committer = committers.get(name)
    if (!committer) {
      if (committers.size >= MOST) committers.delete(committers.keys().next().value as string)
      committer = createCommitter({
        runtime,
        space: space.name,
        title: `commit in ${title}`,
        sourceKeys: SOURCES.map(({ keyOf }) => keyOf(keys, stream, group)) as [string, string],
        answersKey: keys.committed(stream, `${group}:${consumer}`),
        group,
        consumer,
        declared,
        places: scope.placesOf(group),
        most: scope.order?.places ?? 0,
        outcomes: scope.outcomesOf(group),
        trouble: () => {},
      })
      committers.set(name, committer)
    }
    return committer
  }

  return async (lease, ...effects) => {
    checkOptions('lease', lease, ['key', 'group', 'consumer', 'id', 'fence'])
    const { key, id } = lease
    const group = checkGroup(lease.group)
    const consumer = checkText('consumer', lease.consumer, 512)
    const source = SOURCES.find(({ keyOf }) => keyOf(keys, stream, group) === key)
    if (!source)
      throw invalid('lease key', key, `it is no key of ${title} from which group '${group}' gets entries`)
    if (typeof id !== 'string' || !POSITION.test(id)) {
      throw invalid('lease id', id, 'give the position in the stream of that key, such as 1700000000000-0')
    }
    const committer = committerOf(group, consumer)
    // The end of the lease is not known, so a call of unknown fate is not sent again: the caller may repeat it.
    const outcome = scope.outcomesOf(group) ? '?' : ''
    const entry = { from: source.code, position: id, place: undefined, outcome }
    const checked = committer.check(effects)
    const commit = (): Promise<CommitAnswer<never>> => committer.commit(entry, checked, () => false)
    if (!COMMIT.observed) return commit()
    return COMMIT.follow({ ...scope.identity, group, consumer, id, effects: effects.length }, commit)
  }
}
