import type { Topic } from '../events.ts'
import { warn } from '../warn.ts'
import type { StreamEvent } from './event-types.ts'
import type { Scope } from './scope.ts'
import type { StreamGroupStats } from './stats-types.ts'

/** Reports groups that have entries to handle and no worker. */
export interface Watch {
  /** Call it for each add. It checks the groups at most once a minute. */
  added(): void
  /** Call it with the groups of each sample of `stats`. */
  sampled(
    groups: readonly Pick<
      StreamGroupStats,
      'name' | 'served' | 'paused' | 'waiting' | 'running' | 'delayed'
    >[],
  ): void
}

const EVERY_MS = 60_000

/**
 * Each process that adds checks the groups once a minute. The first check is a minute after its first add, so that workers that
 * start at the same time are running by then. A group is reported once, and again after it had a worker in between. A paused
 * group is not reported.
 */
export function createWatch(
  { identity, title }: Pick<Scope, 'identity' | 'title'>,
  topic: Topic<StreamEvent>,
  check: () => Promise<unknown>,
): Watch {
  const reported = new Set<string>()
  let nextAt = 0
  return {
    added() {
      const now = performance.now()
      if (now < nextAt) return
      // An error is ignored: adds fail with the same one, and report it.
      if (nextAt > 0) check().catch(() => {})
      nextAt = now + EVERY_MS
    },
    sampled(groups) {
      for (const { name, served, paused, waiting, running, delayed } of groups) {
        const entries = waiting + running + delayed
        if (served) reported.delete(name)
        if (served || paused || entries === 0 || reported.has(name)) continue
        reported.add(name)
        if (!topic.hasListeners) {
          const fix = `start one with stream.worker('${name}', …); the entries are kept until then`
          warn(
            'PENKNIFE_NO_WORKER',
            `group '${name}' of ${title} has ${entries} ${entries === 1 ? 'entry' : 'entries'} to handle and no worker; ${fix}`,
          )
        }
        topic.emit({ kind: 'unserved', ...identity, group: name, entries })
      }
    },
  }
}
