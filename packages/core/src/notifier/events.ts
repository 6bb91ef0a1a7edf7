import type { Jsonified } from '../json.ts'
import type { StandardSchema } from '../standard-schema.ts'

/** An event about the notifier itself. */
export type NotifierNotice = NotifierRedeclared | NotifierUnreadable

/** Another process declared the notifier with other options. Each process uses its own. */
export interface NotifierRedeclared {
  readonly kind: 'redeclared'
  readonly space: string
  /** The notifier's name. */
  readonly name: string
  /** The options that Redis remembered. */
  readonly before: string
  /** The options of this process. */
  readonly now: string
}

/** A key or channel of the notifier had text that penknife did not write. It was left out. */
export interface NotifierUnreadable {
  readonly kind: 'unreadable'
  readonly space: string
  /** The notifier's name. */
  readonly name: string
  /** The key or pub/sub channel. */
  readonly where: string
  /** The beginning of the text, at most 80 characters. */
  readonly text: string
}

/** An event of a channel. */
export interface NotifierMessage<Type extends string = string, Data = unknown> {
  readonly kind: 'message'
  readonly channel: string
  /** `<epoch>-<offset>-<tag>`: give it to `from` to resume after it. Null for a nudge, which is not stored. */
  readonly id: string | null
  readonly type: Type
  /** The data as the JSON text that was published. */
  readonly json: string
  /** The data, parsed at the first access. */
  readonly data: Data
}

/** The channel's history after the subscriber's position is gone: load the state again. Events after `id` follow. */
export interface NotifierReset {
  readonly kind: 'reset'
  readonly channel: string
  /** The position to resume from. */
  readonly id: string
}

/** The result of `getState`, instead of a reset. Events after `id` follow. */
export interface NotifierState {
  readonly kind: 'state'
  readonly channel: string
  readonly id: string
  readonly state: unknown
}

/** The payload of each type of event: `{ message: Chat; typing: { user: string } }`. */
export type NotifierEventMap = Readonly<Record<string, unknown>>

/** Any event of a map, distinguished by its `type`. */
export type NotifierMessageOf<Events extends object> = {
  [Type in keyof Events & string]: NotifierMessage<Type, Jsonified<Events[Type]>>
}[keyof Events & string]

export type NotifierEvent<Events extends object = NotifierEventMap> = NotifierFollowedEvent<
  NotifierMessageOf<Events>
>

/** What a subscription delivers. */
export type NotifierFollowedEvent<Message extends NotifierMessage = NotifierMessage> =
  | Message
  | NotifierReset
  | NotifierState

/** Nudges may have been missed: drop the data that depends on them. */
export interface NotifierInterruption {
  readonly kind: 'interrupted'
}

/** A nudge, or the news that some may have been missed. */
export type NotifierNudge<Message extends NotifierMessage = NotifierMessage> = Message | NotifierInterruption

/** The schema of each type of event: `{ message: z.object({ text: z.string() }) }`. */
export type NotifierEventSchemas = Readonly<Record<string, StandardSchema>>

type TypesOf<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>

/** The data that publishers give. */
export type NotifierInputsOf<Schemas extends NotifierEventSchemas> = {
  readonly [Type in keyof Schemas]: TypesOf<Schemas[Type]>['input']
}

/** The data that subscribers get. */
export type NotifierOutputsOf<Schemas extends NotifierEventSchemas> = {
  readonly [Type in keyof Schemas]: TypesOf<Schemas[Type]>['output']
}
