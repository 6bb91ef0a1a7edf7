import { stripVTControlCharacters } from 'node:util'

/** The most that is shown of one text, in UTF-16 units, whatever its width. */
const LONGEST = 10_000

/**
 * Characters that would control the terminal or change how the text beside them is shown: control characters (also 0x80 to 0x9f, which
 * begin sequences, too), characters that change the direction of text, separators of lines, invisible characters, tags, and half surrogate
 * pairs.
 */
const HARMFUL = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu
/** More than two marks on one character can cover the lines above and below. */
const MARKS = /(\p{M}{2})(\p{M}+)/gu

/** Text of others as harmless text: each such character as its code, such as `\u001b`. Different texts look different. */
export function visible(text: string, longest: number = LONGEST): string {
  const start = text.length > longest ? `${text.slice(0, longest)}…` : text
  return start.replace(HARMFUL, escaped).replace(MARKS, '$1')
}

/** JSON whose text cannot control a terminal. It parses to the same value. */
export function visibleJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, numbers, indent) ?? 'null'
  // Line breaks between the parts of the document stay.
  return text
    .replace(HARMFUL, (found) => (found === '\n' ? found : unitsOf(found)))
    .replace(MARKS, (_, kept: string, more: string) => kept + unitsOf(more))
}

/** JSON has no Infinity: it becomes null. */
function numbers(_key: string, value: unknown): unknown {
  return value === Infinity || value === -Infinity ? null : value
}

function escaped(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\t') return '\\t'
  const code = character.codePointAt(0) ?? 0
  return code > 0xff_ff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`
}

function unitsOf(character: string): string {
  return Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('')
}

const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u

/** Columns of a terminal that a text takes; colours take none. */
export function widthOf(text: string): number {
  let width = 0
  for (const character of stripVTControlCharacters(text)) {
    if (/\p{M}/u.test(character)) continue
    width += WIDE.test(character) ? 2 : 1
  }
  return width
}

/** At most so many columns of a text without colours, with `…` at the end of one that was cut. */
export function fit(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text
  let kept = ''
  let width = 0
  for (const character of text) {
    const more = widthOf(character)
    if (width + more > columns - 1) break
    kept += character
    width += more
  }
  return `${kept}…`
}
