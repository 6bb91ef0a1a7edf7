import type { Cluster, Redis } from 'ioredis'

import type { Connection } from './connection.ts'

/** Time between two checks. A socket is closed at most twice this time later than `ms`. */
const CHECK_EVERY_MS = 500

/**
 * A socket may send bytes without completing a reply for this many times `ms`. A large reply takes time. A reply with a wrong
 * length, such as one that a proxy cut, keeps the parser waiting without end, while the bytes of later replies arrive.
 */
const UNANSWERED = 3

/** The progress of a socket that owes replies, and the time of its last progress. */
interface Silence {
  readonly stream: Redis['stream']
  readonly bytes: number
  readonly since: number
  /** The command whose reply is due next. */
  readonly due: unknown
  readonly dueSince: number
}

/**
 * Closes each socket of a connection that stays silent for `ms` while replies are due, or completes no reply for three times as
 * long. So a peer that vanished is noticed, and ioredis connects again. Returns a function that stops the checks.
 *
 * ioredis' own `socketTimeout` sets a timer and a listener for each command that is sent alone. A periodic check costs a
 * command nothing.
 */
export function watchSilence(connection: Connection, ms: number): () => void {
  const silences = new WeakMap<Redis, Silence>()
  const nodes = (): readonly Redis[] =>
    connection.isCluster ? (connection as Cluster).nodes() : [connection as Redis]

  let timer: NodeJS.Timeout | undefined
  let ended = false

  function checkSoon(): void {
    // After a stall of this process the replies may have arrived already. They are read before the immediates run.
    timer = setTimeout(() => setImmediate(check), CHECK_EVERY_MS).unref()
  }

  function check(): void {
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
            ? `the server sent nothing for ${ms} ms while replies were due`
            : `the server completed no reply for ${UNANSWERED * ms} ms, although it sent bytes`,
        ),
      )
    }
    checkSoon()
  }

  checkSoon()
  return () => {
    ended = true
    clearTimeout(timer)
  }
}
