import { PenknifeError, type StreamEntryState, type StreamOutcome, type StreamOutput } from '@penknife/core'

import type { StreamReply } from '../answer.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { StreamWriter } from '../stream-writer.ts'
import type { AcceptSettings, AcceptStream } from './options.ts'
import { viewOf } from './replies.ts'

/** Compressors and proxies hold events back without these. */
const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
} as const

/** The id of the last event. A client that reconnects with it gets 204, which stops an EventSource. */
const ENDED = 'end'
const CURSOR = /^\d{1,15}-\d{1,15}$/
/** A client reconnects after this many milliseconds, and a random addition of as many. */
const RECONNECT_MS = 1000

/** Where a client of an event stream is. */
export interface EventsRequest {
  /** It has had the last event. */
  readonly ended: boolean
  /** The cursor of the last output that it has. */
  readonly after: string | undefined
}

/** A client repeats the address with which it began, so the header is newer than `?lastEventId=`. */
export function eventsRequest(exchange: Exchange): EventsRequest {
  const id = exchange.header('last-event-id') ?? exchange.query.get('lastEventId') ?? ''
  return { ended: id === ENDED, after: CURSOR.test(id) ? id : undefined }
}

/** The event streams of one middleware. */
export interface EventStreams {
  readonly full: boolean
  /** The reply that streams what happens to an entry until it has ended. */
  reply(found: StreamEntryState, request: EventsRequest): StreamReply
  /** Asks all clients to reconnect; resolves when their connections have ended. */
  close(deadlineMs: number): Promise<void>
}

export function createEventStreams(
  stream: Pick<AcceptStream, 'result'>,
  { maxStreams, heartbeatMs }: Pick<AcceptSettings, 'maxStreams' | 'heartbeatMs'>,
): EventStreams {
  const writers = new Set<StreamWriter>()
  let timer: NodeJS.Timeout | undefined
  let closed = false

  function beat(): void {
    for (const writer of writers) writer.write(':\n\n')
  }

  function open(writer: StreamWriter): void {
    writers.add(writer)
    timer ??= setInterval(beat, heartbeatMs)
    timer.unref()
  }

  function left(writer: StreamWriter): void {
    writers.delete(writer)
    if (writers.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  function reconnect(writer: StreamWriter): void {
    writer.write(`retry: ${Math.round(RECONNECT_MS * (1 + Math.random()))}\n\n`)
    writer.end()
  }

  function end(writer: StreamWriter, found: StreamEntryState, outcome: StreamOutcome | undefined): void {
    const state = outcome?.state ?? (found.state === 'dead' ? 'dead' : 'gone')
    writer.write(frame('end', viewOf({ ...found, ...NOTHING, state, outcome }), ENDED))
    writer.end()
  }

  async function follow(
    writer: StreamWriter,
    found: StreamEntryState,
    after: string | undefined,
  ): Promise<void> {
    const leaving = new AbortController()
    open(writer)
    writer.onClose(() => {
      left(writer)
      leaving.abort()
    })
    // The outcome comes last, after the whole output.
    const { outcome: _outcome, ...begins } = found
    writer.write(frame('state', viewOf({ ...begins, outcome: undefined })))
    try {
      const outcome = await stream.result(found.id, {
        signal: leaving.signal,
        after,
        onProgress: (progress) => writer.write(frame('progress', { progress })),
        onOutput({ text, cursor, restarted }: StreamOutput) {
          if (restarted) writer.write(frame('restart', {}))
          writer.write(frame('output', { text }, cursor))
        },
      })
      end(writer, found, outcome.state === 'unknown' || outcome.state === 'unfinished' ? undefined : outcome)
    } catch (error) {
      if (writer.closed) return
      // Its outcome is not kept, because it was added elsewhere.
      if (error instanceof PenknifeError && error.code === 'PENKNIFE_INVALID') end(writer, found, undefined)
      // An outage, or a close. The client reconnects, and goes on where it was.
      else reconnect(writer)
    }
  }

  return {
    get full() {
      return closed || writers.size >= maxStreams
    },
    reply: (found, { after }) => ({
      status: 200,
      headers: HEADERS,
      stream(writer) {
        if (closed) reconnect(writer)
        else void follow(writer, found, after)
      },
    }),
    async close(deadlineMs) {
      closed = true
      const followed = [...writers]
      for (const writer of followed) reconnect(writer)
      await Promise.all(followed.map((writer) => writer.finished(deadlineMs)))
    },
  }
}

/** What an outcome does not have. */
const NOTHING = { attempts: 0, dueMs: undefined, progress: undefined } as const

function frame(event: string, data: object, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}
