import type { NotifierMessage } from './events.ts'
import { type Position, positionOf } from './position.ts'

/** A message of the pub/sub channel, with its position in the history. A nudge has none. */
export interface LiveEvent {
  readonly message: NotifierMessage
  readonly position: Position
}

const TYPE = /^[\w.-]{1,64}$/

/** The message of a pub/sub channel after its history was deleted. */
export const CLEARED = 'cleared'

/** Parses a message of the pub/sub channel: lines with id (empty for a nudge), type and JSON. Undefined for any other text. */
export function parseLive(channel: string, text: string): LiveEvent | undefined {
  const first = text.indexOf('\n')
  const second = text.indexOf('\n', first + 1)
  if (first < 0 || second < 0) return undefined
  const type = text.slice(first + 1, second)
  const position = positionOf(text.slice(0, first))
  if (!TYPE.test(type) || (position.id !== '' && !position.at?.offset)) return undefined
  return { message: message(channel, position.id || null, type, text.slice(second + 1)), position }
}

/**
 * Parses a message of the pub/sub channel of all nudges: lines with the nudge's channel, type and JSON. Undefined for any
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
