import { isPosition } from '@penknife/core'

/** Characters of a cursor at most; Node refuses request headers of more than 16 KB in all. */
export const MAX_CURSOR = 4096

const LONGEST_POSITION = 39

/**
 * A client's position in each of its channels as one line of text, `room=1764000000000-12-5f0a3c&user%3A7=1764000000321-4-09be1d`: the `id` of
 * every event sent to it, which a browser gives back when it reconnects.
 */
export interface Cursor {
  /** Notes the position of one of the cursor's channels. */
  set(channel: string, position: string): void
  has(channel: string): boolean
  text(): string
}

export function createCursor(channels: readonly string[], positions: ReadonlyMap<string, string>): Cursor {
  const parts = new Map<string, string>()
  const prefixes = new Map(
    channels.map((channel) => [channel, new URLSearchParams([[channel, '']]).toString()]),
  )
  let text: string | undefined
  const cursor: Cursor = {
    set(channel, position) {
      parts.set(channel, `${prefixes.get(channel)}${position}`)
      text = undefined
    },
    has: (channel) => parts.has(channel),
    text: () => (text ??= [...parts.values()].join('&')),
  }
  for (const [channel, position] of positions) cursor.set(channel, position)
  return cursor
}

/** Whether positions in all these channels fit in a cursor. */
export function fitsCursor(channels: readonly string[]): boolean {
  const longest = channels.map((channel) =>
    new URLSearchParams([[channel, '0'.repeat(LONGEST_POSITION)]]).toString(),
  )
  return longest.join('&').length <= MAX_CURSOR
}

/**
 * The positions that a cursor names for these channels, and for no others. A channel that it does not name, or
 * names in a form that no server gave out, is missing in the result; so are all when the cursor is too long.
 */
export function readCursor(text: string, channels: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  if (text.length > MAX_CURSOR) return found
  const given = new URLSearchParams(text)
  for (const channel of channels) {
    const position = given.get(channel)
    if (position !== null && isPosition(position)) found.set(channel, position)
  }
  return found
}
