/**
 * Characters that change how the text beside them is shown, or that are invisible: control characters, changes of direction, separators of
 * lines, tags, and half surrogate pairs.
 */
const HARMFUL = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu
/** More than two marks on one character can cover the lines above and below. */
const MARKS = /(\p{M}{2})\p{M}+/gu

/** A piece of a text of others: plain, or the code of one harmful character. */
export interface Piece {
  readonly text: string
  readonly code: boolean
}

/** Splits a text of others into what can be shown as it is, and codes such as `\u202e`. With `lines`, line breaks and tabs stay. */
export function pieces(text: string, lines: boolean = false): readonly Piece[] {
  const found: Piece[] = []
  let end = 0
  for (const match of text.matchAll(HARMFUL)) {
    const [character] = match
    if (lines && (character === '\n' || character === '\t')) continue
    if (match.index > end) found.push(plain(text.slice(end, match.index)))
    found.push({ text: codeOf(character), code: true })
    end = match.index + character.length
  }
  if (end < text.length) found.push(plain(text.slice(end)))
  return found
}

/** The beginning of a text, which does not end within a pair of surrogates. */
export function beginning(text: string, most: number): string {
  if (text.length <= most) return text
  const last = text.charCodeAt(most - 1)
  return text.slice(0, last >= 0xd8_00 && last <= 0xdb_ff ? most - 1 : most)
}

/** For attributes such as titles and for messages, where no element can mark a code. */
export function visible(text: string, most: number = 200): string {
  const start = beginning(text, most)
  const shown = pieces(start)
    .map((piece) => piece.text)
    .join('')
  return start.length < text.length ? `${shown}…` : shown
}

function plain(text: string): Piece {
  return { text: text.replace(MARKS, '$1'), code: false }
}

function codeOf(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\t') return '\\t'
  if (character === '\r') return '\\r'
  const code = character.codePointAt(0) ?? 0
  return code > 0xff_ff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`
}
