import type { StreamEntryState } from '@penknife/core'

import type { StreamReply } from '../answer.ts'
import type { StreamWriter } from '../stream-writer.ts'
import type { Follower, Followers, Place } from './follow.ts'

/** Compressors and proxies hold events back without these. */
const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
} as const

/** The reply that streams what happens to an entry until it has ended, as server-sent events. */
export function eventStream(followers: Followers, found: StreamEntryState, place: Place): StreamReply {
  return {
    status: 200,
    headers: HEADERS,
    stream: (writer) => followers.follow(new EventStream(writer), found, place),
  }
}

class EventStream implements Follower {
  readonly #writer: StreamWriter

  constructor(writer: StreamWriter) {
    this.#writer = writer
  }

  get closed(): boolean {
    return this.#writer.closed
  }

  onClose(listener: () => void): void {
    this.#writer.onClose(listener)
  }

  event(kind: string, data: object, id?: string): void {
    this.#writer.write(
      `${id === undefined ? '' : `id: ${id}\n`}event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`,
    )
  }

  end(kind: string, data: object, id: string): void {
    this.event(kind, data, id)
    this.#writer.end()
  }

  reconnect(afterMs: number): void {
    this.#writer.write(`retry: ${afterMs}\n\n`)
    this.#writer.end()
  }

  keepAlive(): void {
    this.#writer.write(':\n\n')
  }

  finished(graceMs: number): Promise<void> {
    return this.#writer.finished(graceMs)
  }
}
