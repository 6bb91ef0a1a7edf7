import { cut, printable } from './text.ts'

/** What is repeated of a stored declaration, which something else may have written. */
const LONGEST = 1000

/** What another process declared before, and what this one declares, as people read it. */
interface Redeclared {
  readonly kind: 'redeclared'
  readonly before: string
  readonly now: string
}

/** Where it is reported: a topic of events, of which one says so. */
interface Hearers<Event> {
  readonly heard: boolean
  emit(event: Event): void
}

/**
 * Reports that something was declared in another way before: an event, and a process warning when nobody hears it. A deploy
 * may do that; one that did so by mistake is noticed. `about` names it in the event, `title` in the warning, and `more` says
 * there what else to know.
 */
export function reportRedeclared<About extends object>(
  topic: Hearers<About & Redeclared>,
  about: About,
  { title, before, now, more = '' }: { title: string; before: string; now: string; more?: string },
): void {
  if (!topic.heard) {
    process.emitWarning(
      `${title} was declared with '${printable(before, LONGEST)}' and now with '${now}': each process uses its own${more}`,
      { type: 'PenknifeWarning', code: 'redeclared' },
    )
  }
  topic.emit({ ...about, kind: 'redeclared', before: cut(before, LONGEST), now })
}
