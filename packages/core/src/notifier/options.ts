import type { Duration } from '../duration.ts'
import type { NotifierEventSchemas } from './events.ts'

export interface NotifierOptions {
  /** Events kept for each channel: a whole number from 1. Default: 1,000. */
  readonly history?: number
  /** Events older than this are not kept either. Default: no such bound. */
  readonly age?: Duration
  /** A channel's history goes this long after its last event. Default: 1 day. */
  readonly ttl?: Duration
  /** For how long a repeated `id` is the same event. Default: 5 minutes. */
  readonly dedupWindow?: Duration
}

export interface NotifierSchemaOptions<
  Schemas extends NotifierEventSchemas = NotifierEventSchemas,
> extends NotifierOptions {
  /**
   * A Standard Schema (zod, valibot, arktype …) for each type of event. `publish` and `nudge` refuse data that does not
   * fit, and types without a schema; they send the schema's output, as JSON. Subscribers get it as it was sent: it is
   * not checked again, and an output that JSON turns into something else (a Date into text) is that.
   *
   * Where a schema answers later (a promise), the event is sent when it did: publishes that do not wait for each other
   * may overtake each other then. Else events of a channel are sent in the order of the calls. Default: none.
   */
  readonly schemas: Schemas
}

export interface NotifierPublishOptions<Type extends string = string> {
  /** The event's type, 1 to 64 of `A-Z a-z 0-9 _ . -`. Default: 'message'. */
  readonly type?: Type
  /**
   * Makes the publish idempotent: repeated within `dedupWindow` it adds nothing and resolves with the first one's
   * id, so that a publish of unknown fate can be made again. 1 to 128 characters.
   */
  readonly id?: string
  /** After this the event is not worth reading: who catches up later does not get it. Default: never. */
  readonly ttl?: Duration
  /**
   * Names what the event tells anew, such as 'price:ACME': who catches up gets, of the events of this type and name in one
   * page of history, only the last. 1 to 64 of `A-Z a-z 0-9 _ . : -`.
   */
  readonly coalesce?: string
}
