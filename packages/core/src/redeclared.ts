import { cut, printable } from './text.ts'
import { warn } from './warn.ts'

/** The most that is quoted of a stored declaration, because another program may have written it. */
const LONGEST = 1000

/** The declaration of another process and that of this one, as readable text. */
interface Redeclared {
  readonly kind: 'redeclared'
  readonly before: string
  readonly now: string
}

/** The topic that emits the event. */
interface RedeclaredTopic<Event> {
  readonly hasListeners: boolean
  emit(event: Event): void
}

/**
 * Reports that a feature was declared differently before: an event, or a process warning when there is no listener. A deploy may
 * change a declaration; this shows changes made by mistake. `about` are fields of the event. The warning contains `title`, and
 * ends with `more`.
 */
export function reportRedeclared<About extends object>(
  topic: RedeclaredTopic<About & Redeclared>,
  about: About,
  { title, before, now, more = '' }: { title: string; before: string; now: string; more?: string },
): void {
  if (!topic.hasListeners) {
    warn(
      'PENKNIFE_REDECLARED',
      `${title} was declared with '${printable(before, LONGEST)}' and now with '${now}': each process uses its own${more}`,
    )
  }
  topic.emit({ ...about, kind: 'redeclared', before: cut(before, LONGEST), now })
}
