/** The longest key, in characters. */
const LONGEST_KEY = 255

/** A string of RFC 9651 with parameters, which have no meaning here. */
const QUOTED = /^"((?:[ !#-[\]-~]|\\["\\])*)" *(?:;[ -~]*)?$/
/** The bare form of older clients: visible ASCII without quotes, commas and semicolons. */
const BARE = /^[!#-+\--:<-~]+$/

/**
 * The key in the value of an `Idempotency-Key` header: a string of RFC 9651 such as `"8e03978e"`, or the same text without quotes. Both
 * forms are one key. Undefined for anything else: several keys, an empty or too long one, other characters.
 */
export function keyOf(header: string): string | undefined {
  const text = header.trim()
  // Escapes at most double its length.
  if (text.length > 2 * LONGEST_KEY + 100) return undefined
  const key = QUOTED.exec(text)?.[1]?.replace(/\\(["\\])/g, '$1') ?? BARE.exec(text)?.[0]
  return key !== undefined && key.length > 0 && key.length <= LONGEST_KEY ? key : undefined
}
