import type { IncomingMessage } from 'node:http'

import { open } from '@penknife/http/testkit'
import { onTestFinished } from 'vitest'

import { until } from '../support/until.ts'

export interface SseEvent {
  readonly type: string
  readonly data: unknown
  /** The last event id when this event was dispatched. */
  readonly id: string
}

/** A client that parses server-sent events from the bytes, as an EventSource does by the HTML standard. */
export interface SseClient {
  readonly response: IncomingMessage
  readonly events: readonly SseEvent[]
  /** The position so far, to reconnect with. */
  readonly lastId: string
  /** The reconnect times that the server sent, in milliseconds. */
  readonly retries: readonly number[]
  readonly comments: number
  readonly ended: boolean
  /** Resolves when there are this many events. */
  has(count: number): Promise<readonly SseEvent[]>
  /** Resolves when the server has sent the positions of its channels. */
  positioned(): Promise<void>
  leave(): void
}

export async function listen(
  url: string,
  lastId?: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<SseClient> {
  const position = lastId === undefined ? {} : { 'last-event-id': lastId }
  const response = await open(url, { headers: { ...headers, ...position } })
  onTestFinished(() => void response.destroy())
  const events: SseEvent[] = []
  const retries: number[] = []
  let id = ''
  let comments = 0
  let ended = false
  let rest = ''

  function block(text: string): void {
    let type = 'message'
    let data: string | undefined
    for (const line of text.split('\n')) {
      const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? []
      if (field === '') comments++
      else if (field === 'id') id = value
      else if (field === 'retry') retries.push(Number(value))
      else if (field === 'event') type = value
      else if (field === 'data') data = data === undefined ? value : `${data}\n${value}`
    }
    if (data !== undefined) events.push({ type, data: JSON.parse(data), id })
  }

  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    const blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const text of blocks) block(text)
  })
  response.on('close', () => (ended = true))
  response.on('error', () => {})

  return {
    response,
    events,
    retries,
    get lastId() {
      return id
    },
    get comments() {
      return comments
    },
    get ended() {
      return ended
    },
    async has(count) {
      await until(`${count} events`, () => events.length >= count)
      return events
    },
    positioned: () => until('a position', () => id !== ''),
    leave: () => void response.destroy(),
  }
}
