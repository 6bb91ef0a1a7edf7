import { createHash } from 'node:crypto'

import { HttpError } from '@penknife/http'

/** The visitor of a request: values from the browser, checked and bounded. */
export interface Visitor {
  /** The browser's secret. It is never sent anywhere. */
  readonly id: string
  /** The visitor's public id, on the board and in channel names. */
  readonly member: string
  /** Undefined if the request has none. */
  readonly name: string | undefined
}

/** The longest name in grapheme clusters, which a reader sees as letters. */
const LONGEST_NAME = 24

const ID = /^[\w-]{16,64}$/
/** Control characters, and those that change the direction or the place of the text around them. */
const UNFIT = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu
/** Marks stacked on one letter would cover the rows above and below. */
const STACKED = /(\p{M}{2})\p{M}+/gu

/** Reads `?visitor=…&name=…`. A missing or malformed visitor is a 400. */
export function visitorOf(query: Readonly<Record<string, unknown>>): Visitor {
  const { visitor: id, name } = query
  if (typeof id !== 'string' || !ID.test(id)) {
    throw new HttpError(400, 'visitor has to be 16 to 64 letters, digits, - or _')
  }
  const member = createHash('sha256').update(id).digest('base64url').slice(0, 12)
  return { id, member, name: cleanName(name) }
}

/** The name without characters that cannot be shown. Undefined if nothing remains. */
export function cleanName(text: unknown): string | undefined {
  if (typeof text !== 'string') return undefined
  const clean = text
    .slice(0, 200)
    .normalize('NFC')
    .replace(UNFIT, '')
    .replace(STACKED, '$1')
    .replace(/\s+/g, ' ')
  const letters = Array.from(new Intl.Segmenter().segment(clean.trim()), ({ segment }) => segment)
  return letters.slice(0, LONGEST_NAME).join('').trim() || undefined
}
