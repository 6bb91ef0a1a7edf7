import type { Keys } from '../redis/keys.ts'
import type { Port } from '../redis/runner.ts'
import type { Arg, Script } from '../redis/script.ts'
import type { LimiterDecision } from './decision-types.ts'
import type { Locate } from './subjects.ts'
import type { LimiterSubject } from './subject-types.ts'

/** Called with each decision; `subject` as the caller gave it, `text` is that of `subjectText`. */
export type OnDecision = (subject: LimiterSubject, decision: LimiterDecision, text: string) => void

/** The context that all parts of a limiter share. */
export interface LimiterContext {
  readonly name: string
  readonly keys: Keys
  readonly locate: Locate
  readonly routeBy: string | undefined
  /** Whether one script can charge rules of all parts of a subject. */
  readonly together: boolean
  /** Binds a script with the limiter's deadline and circuit breaker. */
  bind<Shared extends readonly Arg[], Item extends readonly Arg[], Result>(
    script: Script<Shared, Item, Result>,
    shared: Shared,
  ): Port<Item, Result>
}
