import type { GroupHistory } from './history.ts'
import { limitOf, mostIn, subjectOf } from './limits.ts'

/** Tolerance in milliseconds, because times of processes are compared with those of Redis. */
const TOLERANCE_MS = 5

/** Between its ends the entry took its token. */
interface Taken {
  readonly askedAt: number
  readonly startedAt: number
}

/**
 * Checks the limit of each subject over every time of the run: of the handlers that began in it, those whose worker had not asked before it
 * took their tokens in it.
 */
export function checkLimits(
  group: GroupHistory,
  perSecond: number,
  claim: (holds: boolean, what: () => string) => void,
  count: (what: string, by?: number) => void,
): void {
  const limit = limitOf(group.stream, group.group, perSecond)
  if (!limit) return
  count('limiter asked', group.asked)
  const subjects = new Map<string, Taken[]>()
  for (const { deliveries } of group.courses.values()) {
    for (const { n, at, askedAt } of deliveries) {
      count('starts under a limit')
      const subject = subjectOf(n)
      claim(askedAt !== undefined, () => `${subject}: ${n} began at ${at}, and the limiter was not asked`)
      const taken = { askedAt: askedAt ?? at, startedAt: at }
      const known = subjects.get(subject)
      if (known) known.push(taken)
      else subjects.set(subject, [taken])
    }
  }
  for (const [subject, all] of subjects) {
    all.sort((a, b) => a.startedAt - b.startedAt)
    for (const { askedAt: from } of all) {
      const within = all.filter(({ askedAt }) => askedAt >= from)
      const above = within.findIndex(
        ({ startedAt }, at) => at + 1 > mostIn(limit, startedAt - from + TOLERANCE_MS),
      )
      claim(
        above === -1,
        () =>
          `${group.stream}/${group.group}, ${subject}: ${above + 1} began in the ${Math.round((within[above]?.startedAt ?? 0) - from)} ms from ${from}`,
      )
    }
  }
}
