import { invalid } from '../errors.ts'
import type { NotifierMessage } from './events.ts'

/** A place in a channel's history: the history's epoch and the offset of the last event seen. */
export interface Position {
  readonly epoch: string
  readonly offset: number
}

/**
 * `<epoch>-<offset>-<tag>`, where the tag stands for what all events up to it say; `<epoch>-0` before a history's first
 * event, also of a history that is still to begin.
 */
export function parsePosition(id: string): Position | undefined {
  const found = /^(\d{1,16})-(?:0|([1-9]\d{0,14})-[0-9a-f]{6})$/.exec(id)
  return found ? { epoch: found[1] as string, offset: Number(found[2] ?? 0) } : undefined
}

/** Whether a text is a position as events carry it: to check what a client sent before it goes to `from`. */
export function isPosition(text: string): boolean {
  return parsePosition(text) !== undefined
}

/** Whether a position stands before the first event of a history. */
export function isBeginning(id: string): boolean {
  return parsePosition(id)?.offset === 0
}

/** A cursor that a caller may give: an id, or '-' for the oldest event kept. */
export function checkCursor(name: string, value: string): string {
  if (value !== '-' && (typeof value !== 'string' || !parsePosition(value))) {
    throw invalid(name, value, "give the id of an event, such as '1700000000000-12-5f0a3c', or '-'")
  }
  return value
}

/** A message of the pub/sub channel, with its place in the history; a nudge has none. */
export interface LiveEvent {
  readonly message: NotifierMessage
  readonly place: Place
}

/** A cursor, and the position that it is: none for '-', '+' and a nudge. */
export interface Place {
  readonly id: string
  readonly at: Position | undefined
}

export function placeOf(id: string): Place {
  return { id, at: parsePosition(id) }
}

const TYPE = /^[\w.-]{1,64}$/

/** Reads a message of the pub/sub channel: id (empty for a nudge), type and JSON, a line each. Undefined for any other text. */
export function parseLive(channel: string, text: string): LiveEvent | undefined {
  const first = text.indexOf('\n')
  const second = text.indexOf('\n', first + 1)
  if (first < 0 || second < 0) return undefined
  const type = text.slice(first + 1, second)
  const place = placeOf(text.slice(0, first))
  if (!TYPE.test(type) || (place.id !== '' && !place.at?.offset)) return undefined
  return { message: message(channel, place.id || null, type, text.slice(second + 1)), place }
}

/**
 * Reads a message of the pub/sub channel of all nudges: the nudge's channel, type and JSON, a line each. Undefined for any
 * other text.
 */
export function parseNudge(channel: string, text: string): NotifierMessage | undefined {
  const end = text.indexOf('\n', channel.length + 1)
  const type = text.slice(channel.length + 1, end)
  if (channel === '' || end < 0 || !TYPE.test(type)) return undefined
  return message(channel, null, type, text.slice(end + 1))
}

export function message(channel: string, id: string | null, type: string, json: string): NotifierMessage {
  let data: unknown
  let parsed = false
  return {
    kind: 'message',
    channel,
    id,
    type,
    json,
    get data() {
      if (!parsed) {
        data = JSON.parse(json)
        parsed = true
      }
      return data
    },
  }
}
