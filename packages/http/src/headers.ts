import { PenknifeError } from '@penknife/core'

const PRINTABLE = /^[\x20-\x7e]*$/
const MAX_INTEGER = 999_999_999_999_999

/**
 * A member of a list of structured fields (RFC 9651): a string with parameters, integers and strings, such as
 * `"burst";q=100;w=60`. Parameters that are undefined are left out.
 */
export function listMember(
  name: string,
  parameters: Readonly<Record<string, number | string | undefined>>,
): string {
  let text = sfString(name)
  for (const [key, value] of Object.entries(parameters)) {
    if (value !== undefined)
      text += `;${key}=${typeof value === 'string' ? sfString(value) : sfInteger(value)}`
  }
  return text
}

/** Text as a structured field's string; PENKNIFE_INVALID for what ASCII cannot print. */
export function sfString(text: string): string {
  if (!PRINTABLE.test(text)) {
    throw new PenknifeError(
      'PENKNIFE_INVALID',
      `A header cannot carry ${JSON.stringify(text)}: give printable ASCII`,
    )
  }
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`
}

/** A number as a structured field's integer: cut to whole, held within its fifteen digits. */
export function sfInteger(value: number): string {
  return String(Math.trunc(Math.min(Math.max(value, -MAX_INTEGER), MAX_INTEGER)) || 0)
}

/** Whole seconds that are never less than the milliseconds. */
export function secondsUp(milliseconds: number): number {
  return Math.ceil(milliseconds / 1000)
}
