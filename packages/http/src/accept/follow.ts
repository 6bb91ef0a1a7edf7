import { PenknifeError, type StreamEntryState, type StreamOutcome, type StreamOutput } from '@penknife/core'

import type { Exchange } from '../exchange/exchange.ts'
import type { AcceptSettings, AcceptStream } from './options.ts'
import { viewOf } from './replies.ts'

/** The id of the last event. A client that comes back with it has nothing to follow. */
export const ENDED = 'end'
const CURSOR = /^\d{1,15}-\d{1,15}$/
/** A client reconnects after this many milliseconds, and a random addition of as many. */
const RECONNECT_MS = 1000

/** Where a client is in the events of an entry. */
export interface Place {
  /** It has had the last event. */
  readonly ended: boolean
  /** The cursor of the last output that it has. */
  readonly after: string | undefined
  /** Its id is no cursor: it may show earlier output, and gets all of it again. */
  readonly lost: boolean
}

/** A client repeats the address with which it began, so the header is newer than `?lastEventId=`. */
export function placeOf(exchange: Exchange): Place {
  const id = exchange.header('last-event-id') ?? exchange.query.get('lastEventId') ?? ''
  const after = CURSOR.test(id) ? id : undefined
  return { ended: id === ENDED, after, lost: id !== '' && after === undefined }
}

/** The connection of a client that follows an entry. It decides nothing. */
export interface Follower {
  /** Whether either side has ended it. */
  readonly closed: boolean
  /** Calls the listener once when it has ended; at once if it has ended already. */
  onClose(listener: () => void): void
  event(kind: string, data: object, id?: string): void
  /** Writes the last event, and ends. */
  end(kind: string, data: object, id: string): void
  /** Asks the client to connect again after that time, and ends. */
  reconnect(afterMs: number): void
  keepAlive(): void
  /** Resolves when the connection has sent everything; after `graceMs` it cuts the connection. */
  finished(graceMs: number): Promise<void>
}

/** The clients of one middleware that follow entries. */
export interface Followers {
  readonly full: boolean
  /** Sends what happens to an entry until it has ended. A client above `maxStreams` is asked to reconnect. */
  follow(follower: Follower, found: StreamEntryState, place: Place): void
  /** Asks all clients to reconnect; resolves when their connections have ended. */
  close(deadlineMs: number): Promise<void>
}

export function createFollowers(
  stream: Pick<AcceptStream, 'result'>,
  { maxStreams, heartbeatMs }: Pick<AcceptSettings, 'maxStreams' | 'heartbeatMs'>,
): Followers {
  const followers = new Set<Follower>()
  let timer: NodeJS.Timeout | undefined
  let closed = false

  function beat(): void {
    for (const follower of followers) follower.keepAlive()
  }

  function open(follower: Follower): void {
    followers.add(follower)
    timer ??= setInterval(beat, heartbeatMs)
    timer.unref()
  }

  function left(follower: Follower): void {
    followers.delete(follower)
    if (followers.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  function end(follower: Follower, found: StreamEntryState, outcome: StreamOutcome | undefined): void {
    const state = outcome?.state ?? (found.state === 'dead' ? 'dead' : 'gone')
    follower.end('end', viewOf({ ...found, ...NOTHING, state, outcome }), ENDED)
  }

  async function follow(
    follower: Follower,
    found: StreamEntryState,
    { ended, after, lost }: Place,
  ): Promise<void> {
    if (ended && isOver(found)) return end(follower, found, found.outcome)
    const leaving = new AbortController()
    open(follower)
    follower.onClose(() => {
      left(follower)
      leaving.abort()
    })
    // The outcome comes last, after the whole output.
    const { outcome: _outcome, ...begins } = found
    follower.event('state', viewOf({ ...begins, outcome: undefined }))
    if (lost) follower.event('restart', {})
    try {
      const outcome = await stream.result(found.id, {
        signal: leaving.signal,
        after,
        onProgress: (progress) => follower.event('progress', { progress }),
        onOutput({ text, cursor, restarted }: StreamOutput) {
          if (restarted) follower.event('restart', {})
          follower.event('output', { text }, cursor)
        },
      })
      const isKnown = outcome.state !== 'unknown' && outcome.state !== 'unfinished'
      end(follower, found, isKnown ? outcome : undefined)
    } catch (error) {
      if (follower.closed) return
      // Its outcome is not kept, because it was added elsewhere.
      if (error instanceof PenknifeError && error.code === 'PENKNIFE_INVALID') end(follower, found, undefined)
      // An outage, or a close. The client reconnects, and goes on where it was.
      else follower.reconnect(reconnectMs())
    }
  }

  function full(): boolean {
    return closed || followers.size >= maxStreams
  }

  return {
    get full() {
      return full()
    },
    follow(follower, found, place) {
      // Others may have come since this client was admitted.
      if (full()) follower.reconnect(reconnectMs())
      else void follow(follower, found, place)
    },
    async close(deadlineMs) {
      closed = true
      const all = [...followers]
      for (const follower of all) follower.reconnect(reconnectMs())
      await Promise.all(all.map((follower) => follower.finished(deadlineMs)))
    },
  }
}

/** Whether nothing more happens to it. */
function isOver({ state, outcome }: StreamEntryState): boolean {
  return outcome !== undefined || state === 'dead'
}

/** What an outcome does not have. */
const NOTHING = { attempts: 0, dueMs: undefined, progress: undefined } as const

function reconnectMs(): number {
  return Math.round(RECONNECT_MS * (1 + Math.random()))
}
