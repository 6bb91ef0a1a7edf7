/** What may travel to a script: text, bytes, or a number that prints as it is meant. */
export type Arg = string | number | Buffer

/** What holds for a whole batch: a value, or the keys that all its items share. */
export type SharedArg = Arg | readonly string[]

export type Reply = string | number | null | readonly Reply[]

/**
 * A Lua script over a batch of items, as generated from lua/.
 *
 * `Shared` are the values that hold for the whole batch, `Item` the keys and then the arguments of one item,
 * `Result` the reply to one item. A batch of one replies with that, a larger one with a list.
 */
export interface Script<Shared extends readonly SharedArg[], Item extends readonly Arg[], Result> {
  readonly name: string
  /** SHA-1 of `text`, for EVALSHA. */
  readonly sha: string
  readonly text: string
  /** Items that one call may hold, so that it keeps Redis for no more than about a millisecond. */
  readonly batch: number
  /** Whether the first of the shared values is a list of keys, which stand in front of those of the items. */
  readonly sharedKeys: boolean
  readonly shared: readonly string[]
  readonly keys: readonly string[]
  /** The one name of `keys` stands for several keys of an item, as many for every item of a port. */
  readonly manyKeys?: boolean
  readonly args: readonly string[]
  /** What the one argument is when it is not sent. */
  readonly usual?: number
  /** The reply's type as the Lua header gives it. */
  readonly returns: string
  /** Never there; carries the types. */
  readonly types?: { readonly shared: Shared; readonly item: Item; readonly result: Result }
}
