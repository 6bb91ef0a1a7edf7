import type { NotifierEvent, NotifierMessage } from '@penknife/core'

import { goodbye, type Goodbye, reconnectLater } from '../../sockets/frames.ts'
import type { Refusal } from '../session/connection.ts'
import type { Farewell } from '../session/transport.ts'

// The texts of the server's frames in the subprotocol penknife.v1: docs/protocol.md.

/** Builds the text of events. The last one is remembered, because many clients get the same event one after the other. */
export class EventFrames {
  #message: NotifierMessage | undefined
  #text = ''

  of(event: NotifierEvent): string {
    if (event.kind === 'reset') return resetFrame(event.channel, event.id)
    if (event.kind === 'state') {
      const { channel, id, state } = event
      return JSON.stringify({ kind: 'state', channel, id, state: state ?? null })
    }
    if (event !== this.#message) {
      this.#message = event
      this.#text = messageFrame(event)
    }
    return this.#text
  }
}

function messageFrame({ channel, id, type, json }: NotifierMessage): string {
  // `json` is the JSON text that was published.
  return `${JSON.stringify({ kind: 'event', channel, id, type }).slice(0, -1)},"data":${json}}`
}

export function resetFrame(channel: string, id: string | undefined): string {
  return JSON.stringify({ kind: 'reset', channel, id: id ?? null })
}

export function positionFrame(channel: string, id: string): string {
  return JSON.stringify({ kind: 'position', channel, id })
}

export function revokedFrame(channel: string): string {
  return JSON.stringify({ kind: 'revoked', channel })
}

/** Why a numbered frame of the client failed as a whole. */
export type ReplyError = 'forbidden' | 'failed' | 'unsupported'

export interface ReplyContent {
  readonly error?: ReplyError
  /** The channels that the client does not follow. */
  readonly refused?: ReadonlyMap<string, Refusal>
}

export function contentOf({ error, refused }: ReplyContent): object {
  return {
    ...(error ? { error } : {}),
    ...(refused && refused.size > 0 ? { refused: Object.fromEntries(refused) } : {}),
  }
}

const CODES = { revoked: 4001, connections: 4002 } as const

export function goodbyeOf(farewell: Farewell): Goodbye {
  if (farewell.kind === 'closed') return goodbye(CODES[farewell.reason as 'revoked'], farewell.reason, false)
  return reconnectLater(farewell.afterMs)
}
