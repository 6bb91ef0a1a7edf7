/** Half a surrogate pair: UTF-8 cannot represent it, and JSON decoders in Redis refuse its escape. */
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/

/** Whether a text is the same after a round trip through UTF-8. */
export function isWellFormed(text: string): boolean {
  return !LONE_SURROGATE.test(text)
}

/** The text with U+FFFD in place of each half surrogate pair. */
export function wellFormed(text: string): string {
  return isWellFormed(text) ? text : text.replace(new RegExp(LONE_SURROGATE, 'g'), '\ufffd')
}

/** At most `max` UTF-16 units of a text, well-formed: a surrogate pair at the cut is left out completely. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return wellFormed(text)
  const last = text.charCodeAt(max - 1)
  return wellFormed(text.slice(0, last >= 0xd8_00 && last <= 0xdb_ff ? max - 1 : max))
}

/**
 * Characters that change how the text around them is displayed: control characters (also 0x80 to 0x9f, which Node creates from
 * bytes in a header), line and paragraph separators, and characters that change the direction of text.
 */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** The usual text, for speed. */
const PLAIN = /^[ -~]*$/

/**
 * Makes text of others safe for a log: at most `max` UTF-16 units, well-formed, with U+FFFD instead of each character that could
 * fake a line, control a terminal or reverse the text beside it. It does not escape HTML.
 */
export function printable(text: string, max: number = Infinity): string {
  if (text.length <= max && PLAIN.test(text)) return text
  return cut(text, max).replace(UNPRINTABLE, '\ufffd')
}

/** Like `printable`, in quotes and with escapes instead of such characters, so that different texts look different. */
export function quoted(text: string, max: number): string {
  return JSON.stringify(cut(text, max)).replace(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/**
 * The text of any thrown value: its message, or the value as text. Never throws, whatever its getters, `toString` or `message`
 * do.
 */
export function errorText(thrown: unknown): string {
  try {
    if (typeof thrown === 'object' && thrown !== null && 'message' in thrown) {
      const { message } = thrown
      if (typeof message === 'string' && message !== '') return wellFormed(message)
    }
    return wellFormed(String(thrown))
  } catch {
    return 'a thrown value that cannot be shown'
  }
}

/** Deeper causes are left out. A cause may be its own cause. */
const MOST_CAUSES = 4

/** The text of any thrown value and of its causes, such as `fetch failed: connect ECONNREFUSED 127.0.0.1:80`. Never throws. */
export function causesText(thrown: unknown): string {
  let text = errorText(thrown)
  let cause = causeOf(thrown)
  for (let depth = 0; depth < MOST_CAUSES && cause !== undefined; depth++) {
    const next = errorText(cause)
    // Many messages quote their cause.
    if (!text.includes(next)) text += `: ${next}`
    cause = causeOf(cause)
  }
  return text
}

/** The error that caused an error; of an AggregateError its first one. */
function causeOf(thrown: unknown): unknown {
  try {
    const { cause, errors } = thrown as { readonly cause?: unknown; readonly errors?: readonly unknown[] }
    const found = cause ?? (Array.isArray(errors) ? (errors[0] as unknown) : undefined)
    return typeof (found as { readonly message?: unknown }).message === 'string' ? found : undefined
  } catch {
    return undefined
  }
}
