import { isIntact, type Payload } from './plan.ts'
import type { ClientRecord } from './records.ts'

/** One message of a stream of server-sent events, as an EventSource would dispatch it. */
export interface SseMessage {
  readonly type: string
  /** Undefined if it only changes the position. */
  readonly data: string | undefined
  /** The last event id at that time. */
  readonly id: string
}

/** Parses a stream of server-sent events as the HTML standard says, in chunks of any size. */
export function readSse(lastId: string, onMessage: (message: SseMessage) => void): (text: string) => void {
  let id = lastId
  let rest = ''
  return (text) => {
    const blocks = (rest + text).split('\n\n')
    rest = blocks.pop() as string
    for (const block of blocks) {
      let type = 'message'
      let data: string | undefined
      let moved = false
      for (const line of block.split('\n')) {
        const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? []
        if (field === 'id') {
          id = value
          moved = true
        } else if (field === 'event') type = value
        else if (field === 'data') data = data === undefined ? value : `${data}\n${value}`
      }
      if (data || moved) onMessage({ type, data: data || undefined, id })
    }
  }
}

/** The record of a message. */
export function recordOf(w: number, { type, data, id: cursor }: SseMessage): ClientRecord {
  if (data === undefined) return { k: 'position', w, cursor }
  const { channel: c, data: payload } = JSON.parse(data) as { channel: string; data: Payload }
  if (type === 'reset') return { k: 'reset', w, c, cursor }
  const { p, n } = payload
  return { k: 'event', w, c, cursor, p, n, intact: isIntact(payload, c) }
}

/** The URL of a client. It resumes by the query, as a page does that was rendered with a position. */
export function addressOf(port: number, channels: readonly string[], lastEventId?: string): string {
  const query = new URLSearchParams(channels.map((channel) => ['channel', channel]))
  if (lastEventId) query.set('lastEventId', lastEventId)
  return `http://127.0.0.1:${port}/events?${query.toString()}`
}
