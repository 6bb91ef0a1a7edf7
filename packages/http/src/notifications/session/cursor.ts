import { type NotifierEvent } from '@penknife/core'
import { isPosition } from '@penknife/core/internal'

/** The most characters of a cursor. Node refuses request headers of more than 16 KB in all. */
export const MAX_CURSOR = 4096

const LONGEST_POSITION = 39

/**
 * A client's position in each of its channels, as one line of text such as `room=1764000000000-12-5f0a3c&user%3A7=1764000000321-4-09be1d`: the `id` of
 * every event sent to it, which a browser gives back when it reconnects.
 */
export interface Cursor {
  /** Sets the position in one of the cursor's channels. */
  set(channel: string, position: string): void
  has(channel: string): boolean
  /** Removes the channel. */
  delete(channel: string): void
  text(): string
  /** Whether it is the cursor of a single channel. */
  readonly sole: boolean
}

/** Moves a cursor to an event. A nudge has no position. */
export function advance(cursor: Cursor, event: NotifierEvent): void {
  if (event.id !== null) cursor.set(event.channel, event.id)
}

/** Moves a cursor over events that the client did not ask for, so that it does not resume before them. Returns whether it moved. */
export function passOver(cursor: Cursor, positions: Readonly<Record<string, string>>): boolean {
  const before = cursor.text()
  for (const [channel, position] of Object.entries(positions)) {
    if (isPosition(position)) cursor.set(channel, position)
  }
  return cursor.text() !== before
}

export function createCursor(channels: readonly string[], positions: ReadonlyMap<string, string>): Cursor {
  const [only] = channels
  return channels.length === 1 ? new SoleCursor(only as string, positions) : new ManyCursor(positions)
}

function part(channel: string, position: string): string {
  return new URLSearchParams([[channel, position]]).toString()
}

/** The cursor of a single channel. Its text is built only when it is needed. */
class SoleCursor implements Cursor {
  get sole(): boolean {
    return true
  }

  readonly #channel: string
  #position: string | undefined

  constructor(channel: string, positions: ReadonlyMap<string, string>) {
    this.#channel = channel
    this.#position = positions.get(channel)
  }

  set(_: string, position: string): void {
    this.#position = position
  }

  has(): boolean {
    return this.#position !== undefined
  }

  delete(): void {
    this.#position = undefined
  }

  text(): string {
    return this.#position === undefined ? '' : part(this.#channel, this.#position)
  }
}

class ManyCursor implements Cursor {
  get sole(): boolean {
    return false
  }

  readonly #parts = new Map<string, string>()
  #text: string | undefined

  constructor(positions: ReadonlyMap<string, string>) {
    for (const [channel, position] of positions) this.set(channel, position)
  }

  set(channel: string, position: string): void {
    this.#parts.set(channel, part(channel, position))
    this.#text = undefined
  }

  has(channel: string): boolean {
    return this.#parts.has(channel)
  }

  delete(channel: string): void {
    this.#parts.delete(channel)
    this.#text = undefined
  }

  text(): string {
    return (this.#text ??= [...this.#parts.values()].join('&'))
  }
}

/** The position in the cursor of a single channel. Undefined if it has none. */
export function solePosition(cursor: string): string | undefined {
  return cursor === '' ? undefined : cursor.slice(cursor.lastIndexOf('=') + 1)
}

/** The cursor of a single channel at a position. */
export function soleCursor(channel: string, position: string): string {
  return part(channel, position)
}

/** Whether positions in all these channels fit in a cursor. */
export function fitsCursor(channels: readonly string[]): boolean {
  const longest = channels.map((channel) =>
    new URLSearchParams([[channel, '0'.repeat(LONGEST_POSITION)]]).toString(),
  )
  return longest.join('&').length <= MAX_CURSOR
}

/** The channels that a cursor names with an empty position: the client begins to follow them, so it has lost nothing. */
export function newIn(text: string, channels: readonly string[]): readonly string[] {
  if (text.length > MAX_CURSOR) return []
  const given = new URLSearchParams(text)
  return channels.filter((channel) => given.get(channel) === '')
}

/**
 * Parses a client's cursor: the positions in these channels. The result lacks channels without a well-formed position. It is
 * empty if the cursor is too long.
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
