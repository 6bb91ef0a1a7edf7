import type { StreamWriter } from '../stream-writer.ts'
import { HEARTBEAT_FRAME } from './frames.ts'

/** The connected clients of one middleware, with their one heartbeat timer. */
export interface Clients {
  add(writer: StreamWriter): void
  /** Tells a client its last and ends its stream; resolves when the connection is done. */
  dismiss(writer: StreamWriter, last: string): Promise<void>
  /** Tells every client when to come back and ends its stream; resolves when all connections are done. */
  close(): Promise<void>
}

export interface ClientsOptions {
  /** Undefined: no heartbeat. */
  readonly heartbeatMs: number | undefined
  /** The last a client that is sent away is told, a new text for each. */
  readonly whenToReturn: () => string
}

/** Clients that do not take the end of their stream are cut off after this long. */
const GRACE_MS = 1000

export function createClients({ heartbeatMs, whenToReturn }: ClientsOptions): Clients {
  const writers = new Set<StreamWriter>()
  let timer: NodeJS.Timeout | undefined

  function beat(): void {
    // A client with bytes waiting needs no sign of life, and gets no further ones to hold.
    for (const writer of writers) if (writer.unsentBytes === 0) writer.write(HEARTBEAT_FRAME)
  }

  function remove(writer: StreamWriter): void {
    writers.delete(writer)
    if (writers.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  function dismiss(writer: StreamWriter, last: string): Promise<void> {
    writer.write(last)
    writer.end()
    return writer.finished(GRACE_MS)
  }

  return {
    dismiss,
    add(writer) {
      if (writer.closed) return
      writers.add(writer)
      if (heartbeatMs !== undefined) timer ??= setInterval(beat, heartbeatMs).unref()
      writer.onClose(() => remove(writer))
    },
    async close() {
      await Promise.all([...writers].map((writer) => dismiss(writer, whenToReturn())))
    },
  }
}
