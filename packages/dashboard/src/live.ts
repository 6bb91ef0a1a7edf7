import type { StreamReply, StreamWriter } from '@penknife/http'

import { Refusal } from './failures.ts'
import { PRIVATE } from './headers.ts'

/** Text of an event. */
export function eventText(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}

const BEAT_MS = 15_000
/** A connection ends after this time. The browser connects again, and `authorize` decides anew. */
const LIFE_MS = 300_000
/** A client that has not read so much is left out until it has. */
const BEHIND_BYTES = 1 << 18

/** The live pages of a process: a bounded number of clients. */
export interface Live {
  /**
   * A stream of events. `follow` gets a function that sends an event to this client; what it returns is called when the client is gone.
   *
   * @throws Refusal when there are too many.
   */
  reply(follow: (send: (text: string) => void) => () => void): StreamReply
  /** How many clients are connected. */
  readonly size: number
  /** Sends `end` to all, and ends them. */
  close(graceMs: number): Promise<void>
}

export function createLive(most: number): Live {
  const clients = new Set<StreamWriter>()
  let promised = 0
  let closed = false

  return {
    get size() {
      return clients.size
    },
    reply(follow) {
      if (closed) throw new Refusal('unavailable', 'The server is shutting down.')
      if (clients.size + promised >= most)
        throw new Refusal('busy', `There are ${most} live pages already. Close one, or raise maxLive.`)
      promised += 1
      return {
        status: 200,
        // Compression, such as that of Express, would hold events back: no-transform forbids it.
        headers: {
          ...PRIVATE,
          'Cache-Control': 'no-store, no-transform',
          'Content-Type': 'text/event-stream',
          'X-Accel-Buffering': 'no',
        },
        endless: true,
        stream(writer) {
          promised -= 1
          if (writer.closed) return
          if (closed) {
            writer.end()
            return
          }
          clients.add(writer)
          writer.write('retry: 2000\n\n')
          const leave = follow((text) => {
            if (!writer.closed && writer.unsentBytes < BEHIND_BYTES) writer.write(text)
          })
          const beat = setInterval(() => {
            if (writer.unsentBytes < BEHIND_BYTES) writer.write(':\n\n')
          }, BEAT_MS).unref()
          const life = setTimeout(() => writer.end(), LIFE_MS).unref()
          writer.onClose(() => {
            clearInterval(beat)
            clearTimeout(life)
            clients.delete(writer)
            leave()
          })
        },
      }
    },
    async close(graceMs) {
      closed = true
      const all = [...clients]
      for (const writer of all) {
        writer.write(eventText('end', {}))
        writer.end()
      }
      await Promise.all(all.map((writer) => writer.finished(graceMs)))
    },
  }
}
