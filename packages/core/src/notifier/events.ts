import type { Jsonified } from '../json.ts'
import type { StandardSchema } from '../standard-schema.ts'

/** An event of a channel. */
export interface NotifierMessage<Type extends string = string, Data = unknown> {
  readonly kind: 'message'
  readonly channel: string
  /** `<epoch>-<offset>-<tag>`: give it to `from` to resume after it. Null for a nudge, which is not kept. */
  readonly id: string | null
  readonly type: Type
  /** The data as the JSON text that was published. */
  readonly json: string
  /** The data, parsed at the first access. */
  readonly data: Data
}

/** The channel's history after the cursor is gone: load the state afresh; live events follow after `id`. */
export interface NotifierReset {
  readonly kind: 'reset'
  readonly channel: string
  /** The cursor to resume from now on; `0-0` when the channel has no history. */
  readonly id: string
}

/** What `getState` loaded; every event after `id` follows. Takes the place of a reset. */
export interface NotifierState {
  readonly kind: 'state'
  readonly channel: string
  readonly id: string
  readonly state: unknown
}

/** The payload of each type of event: `{ message: Chat; typing: { user: string } }`. */
export type NotifierEventMap = Readonly<Record<string, unknown>>

/** Any event of a map, told apart by its `type`. */
export type NotifierMessageOf<Events extends NotifierEventMap> = {
  [Type in keyof Events & string]: NotifierMessage<Type, Jsonified<Events[Type]>>
}[keyof Events & string]

export type NotifierEvent<Events extends NotifierEventMap = NotifierEventMap> = NotifierFollowedEvent<
  NotifierMessageOf<Events>
>

/** What a subscription gives out. */
export type NotifierFollowedEvent<Message extends NotifierMessage = NotifierMessage> =
  | Message
  | NotifierReset
  | NotifierState

/** Nudges may have been missed: drop what was derived from them. */
export interface NotifierInterruption {
  readonly kind: 'interrupted'
}

/** A nudge, or word that some may have been missed. */
export type NotifierNudge<Message extends NotifierMessage = NotifierMessage> = Message | NotifierInterruption

/** The schema of each type of event: `{ message: z.object({ text: z.string() }) }`. */
export type NotifierEventSchemas = Readonly<Record<string, StandardSchema>>

type TypesOf<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>

/** What publishers give. */
export type NotifierInputsOf<Schemas extends NotifierEventSchemas> = {
  readonly [Type in keyof Schemas]: TypesOf<Schemas[Type]>['input']
}

/** What subscribers get. */
export type NotifierOutputsOf<Schemas extends NotifierEventSchemas> = {
  readonly [Type in keyof Schemas]: TypesOf<Schemas[Type]>['output']
}
