import type { Topic } from '../events.ts'
import type { Scope } from './scope.ts'
import type { StreamGroupStats } from './stats.ts'
import type { StreamEvent } from './types.ts'

/** Tells of groups that have something to do and no worker. */
export interface Watch {
  /** Something was added: once a minute it is a reason to look. */
  added(): void
  /** What a look found. */
  saw(
    groups: readonly Pick<
      StreamGroupStats,
      'name' | 'served' | 'paused' | 'undelivered' | 'pending' | 'delayed'
    >[],
  ): void
}

const EVERY_MS = 60_000

/**
 * Each process that adds looks once a minute, from a minute after its first add on, so that workers that start with it
 * are there. A group is told of once, and again after it was served in between. A paused one is left alone.
 */
export function createWatch(
  { stream, title }: Pick<Scope, 'stream' | 'title'>,
  topic: Topic<StreamEvent>,
  look: () => Promise<unknown>,
): Watch {
  const told = new Set<string>()
  let nextAt = 0
  return {
    added() {
      const now = performance.now()
      if (now < nextAt) return
      // What keeps the look from Redis keeps the adds, too, and they tell.
      if (nextAt > 0) look().catch(() => {})
      nextAt = now + EVERY_MS
    },
    saw(groups) {
      for (const { name, served, paused, undelivered, pending, delayed } of groups) {
        const waiting = undelivered + pending + delayed
        if (served) told.delete(name)
        if (served || paused || waiting === 0 || told.has(name)) continue
        told.add(name)
        if (!topic.heard) {
          const fix = `they are kept until one handles them: stream.worker('${name}', …)`
          process.emitWarning(
            `group '${name}' of ${title} has ${waiting} entries and no worker; ${fix}`,
            'PenknifeWarning',
          )
        }
        topic.emit({ kind: 'unserved', stream, group: name, waiting })
      }
    },
  }
}
