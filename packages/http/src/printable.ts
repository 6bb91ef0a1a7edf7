import { cut } from '@penknife/core'

/**
 * Characters that change how the text around them is shown: control characters (also those of 0x80 to 0x9f, which
 * Node makes of bytes in a header), line and paragraph separators, marks that turn the direction of text.
 */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/**
 * Text of a client, fit for a log: at most `max` UTF-16 units, well-formed, with U+FFFD in place of each character
 * that could fake a line or drive a terminal.
 */
export function printable(text: string, max: number): string {
  return cut(text, max).replace(UNPRINTABLE, '\ufffd')
}
