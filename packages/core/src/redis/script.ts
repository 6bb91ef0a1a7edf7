/** An argument of a script: text, bytes, or a number whose text form is exact. */
export type Arg = string | number | Buffer

/** A value of a whole batch: an argument, or the keys that all its items share. */
export type SharedArg = Arg | readonly string[]

export type Reply = string | number | null | readonly Reply[]

/**
 * A Lua script over a batch of items, as generated from lua/.
 *
 * `Shared` are the values of the whole batch. `Item` are the keys and then the arguments of one item. `Result` is the reply to
 * one item. A batch of one item replies with it, a larger batch with a list.
 */
export interface Script<Shared extends readonly SharedArg[], Item extends readonly Arg[], Result> {
  readonly name: string
  /** SHA-1 of `text`, for EVALSHA. */
  readonly sha: string
  readonly text: string
  /** The most items of one call, so that it occupies Redis for about a millisecond at most. */
  readonly batch: number
  /** Whether the first shared value is a list of keys. They precede the keys of the items. */
  readonly sharedKeys: boolean
  readonly shared: readonly string[]
  readonly keys: readonly string[]
  /** True: the only name in `keys` means several keys, the same number for every item of a port. */
  readonly manyKeys?: boolean
  readonly args: readonly string[]
  /** The value of the only argument when it is not sent. */
  readonly usual?: number
  /** The type of the reply, from the Lua header. */
  readonly returns: string
  /** Never set. Only for the types. */
  readonly types?: { readonly shared: Shared; readonly item: Item; readonly result: Result }
}

/** The text of a script from its pieces, which other scripts may have too. */
export function lines(...pieces: readonly string[]): string {
  return pieces.join('\n')
}
