import type { Duration } from '../duration.ts'
import type { NotifierEventSchemas } from './events.ts'

export interface NotifierDedupOptions {
  /** How long Redis remembers the `id` of an event, from 1 second. Default: 5 minutes. */
  readonly window?: Duration | undefined
}

export interface NotifierOptions {
  /** About how many events each channel keeps: a whole number from 1 to 1,000,000. Default: 1,000. */
  readonly history?: number | undefined
  /** Events older than this are deleted. Default: no limit. */
  readonly age?: Duration | undefined
  /** A channel's history expires this long after its last event, and after a process last followed it. Default: 1 day. */
  readonly ttl?: Duration | undefined
  /** How long a repeated `id` is the same event. */
  readonly dedup?: NotifierDedupOptions | undefined
}

export interface NotifierSchemaOptions<
  Schemas extends NotifierEventSchemas = NotifierEventSchemas,
> extends NotifierOptions {
  /**
   * A Standard Schema (zod, valibot, arktype …) for each type of event. `publish` and `nudge` refuse data that does not
   * fit, and types without a schema. They send the schema's output as JSON. Subscribers get that JSON: it is not
   * checked again, and a Date arrives as text.
   *
   * A schema may be async, and has 30 s. Its event is sent when it resolves, so publishes that do not wait for each other may overtake
   * each other. Otherwise events of a channel are sent in the order of the calls. Default: none.
   */
  readonly schemas: Schemas
}

export interface NotifierPublishOptions<Type extends string = string> {
  /** The event's type, 1 to 64 of `A-Z a-z 0-9 _ . -`. Default: 'message'. */
  readonly type?: Type | undefined
  /**
   * Dedup id, 1 to 128 characters. A publish with the same id within `dedup.window` adds nothing and resolves with the
   * first event's id. So a publish of unknown fate can be repeated.
   */
  readonly id?: string | undefined
  /** A subscriber that catches up after this time does not get the event. Default: no limit. */
  readonly ttl?: Duration | undefined
  /**
   * A name for the value that the event updates, such as 'price:ACME'. A subscriber that catches up gets only the
   * newest event of this type and name in each page of history. 1 to 64 of `A-Z a-z 0-9 _ . : -`.
   */
  readonly coalesce?: string | undefined
}
