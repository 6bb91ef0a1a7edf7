import type { Cluster, Redis } from 'ioredis'

import type { Connection } from './connection.ts'

/** How often it is looked: a socket is given up at most twice as much later than said. */
const LOOK_EVERY_MS = 500

/**
 * How many times as long a socket may send bytes that answer nothing. A large reply takes a while; one with a wrong length,
 * from a proxy that cut it, keeps the parser waiting for ever, and the replies to other calls keep bytes coming.
 */
const UNANSWERED = 3

/** What was heard of a socket that owes replies, and since when nothing more. */
interface Silence {
  readonly stream: Redis['stream']
  readonly bytes: number
  readonly since: number
  /** The command whose reply is due next. */
  readonly due: unknown
  readonly dueSince: number
}

/**
 * Gives up each socket of a connection that stays silent for so long while replies are due, or answers nothing for three times
 * as long: a peer that is gone without a word is noticed, and ioredis connects again. The function that comes back ends it.
 *
 * ioredis' own `socketTimeout` does the same with a timer and a listener for each command that travels alone; to look now
 * and then costs a command nothing.
 */
export function watchSilence(connection: Connection, ms: number): () => void {
  const silences = new WeakMap<Redis, Silence>()
  const nodes = (): readonly Redis[] =>
    connection.isCluster ? (connection as Cluster).nodes() : [connection as Redis]

  let timer: NodeJS.Timeout | undefined
  let ended = false

  function lookSoon(): void {
    // After a stall of this process what was waited for may have come already: that is read before the immediates.
    timer = setTimeout(() => setImmediate(look), LOOK_EVERY_MS).unref()
  }

  function look(): void {
    if (ended) return
    const now = performance.now()
    for (const node of nodes()) {
      const { stream } = node
      if (!stream || node.commandQueue.length === 0) {
        silences.delete(node)
        continue
      }
      const bytes = stream.bytesRead
      const due: unknown = node.commandQueue.peekFront()
      const before = silences.get(node)
      const known = before?.stream === stream ? before : undefined
      const since = known && known.bytes === bytes ? known.since : now
      const dueSince = known && known.due === due ? known.dueSince : now
      silences.set(node, { stream, bytes, since, due, dueSince })
      if (now - since < ms && now - dueSince < UNANSWERED * ms) continue
      silences.delete(node)
      stream.destroy(
        new Error(
          now - since >= ms
            ? `the server said nothing for ${ms} ms while replies were due`
            : `what the server said for ${UNANSWERED * ms} ms was no reply`,
        ),
      )
    }
    lookSoon()
  }

  lookSoon()
  return () => {
    ended = true
    clearTimeout(timer)
  }
}
