import { PenknifeError } from '../errors.ts'
import { BLOCK_MS } from '../redis/driver.ts'
import { movedAway, neverSent, replyCode } from '../redis/failures.ts'
import type { Space } from '../redis/penknife.ts'
import type { FetchedEntry } from './leased-entry.ts'

export interface ReaderOptions {
  /** The keys of `SOURCES`. */
  readonly sourceKeys: readonly string[]
  readonly group: string
  readonly consumer: string
  /** Makes the group, if it is not there; `again` when it was there before. */
  readonly open: (again: boolean) => Promise<unknown>
  /** How many entries the worker would take now. */
  readonly room: () => number
  /** Entries of one read from each source at the most. */
  readonly most: number
  /** Entries of a read that asked for so many of each source, which was sent at that time of the local clock. */
  readonly fetched: (entries: readonly FetchedEntry[], asked: number, leasedSince: number) => void
  /** Tells which entries are under this worker's lease at the time of the call. */
  readonly snapshot: () => (entry: FetchedEntry) => boolean
  readonly trouble: (error: unknown) => void
  readonly resumed: () => void
}

export interface Reader {
  /** There may be room again. */
  roomMade(): void
  /** Fetches nothing more. */
  stop(): Promise<void>
}

type Fields = readonly string[] | null
type ReadReply =
  | readonly (readonly [key: string, entries: readonly (readonly [position: string, Fields])[]])[]
  | null

/** Before the reader tries again after an error. */
const RETRY_MS = 250

/**
 * Fetches a worker's entries by a blocking XREADGROUP of all sources, on a connection of its own.
 *
 * After anything that may have lost the reply to a read it reads the worker's own pending entries first. An idle reader
 * costs Redis one command in five seconds.
 */
export function createReader(space: Space, options: ReaderOptions): Reader {
  const { sourceKeys, group, consumer, open, room, most, fetched, snapshot, trouble, resumed } = options
  const connection = space.runtime.openReader(space.runtime.keys.route)
  const keysToRead = sourceKeys.toReversed()
  const fromNew = keysToRead.map(() => '>')
  let stopped = false
  let wake: (() => void) | undefined
  connection.on('ready', () => wake?.())

  /** Waits until something calls `wake`, or for some time. */
  function rest(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(() => wake?.(), ms)
      wake = () => {
        // It is called for each entry that ends, mostly while nothing waits.
        wake = undefined
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async function fetchAll(): Promise<void> {
    let opened = false
    let openedBefore = false
    /** The reply to a read may have been lost. */
    let unsure = false
    let troubled = false
    for (;;) {
      if (stopped) return
      try {
        if (!opened) {
          await open(openedBefore)
          opened = openedBefore = true
        }
        const count = room()
        if (!connection.ready) {
          unsure = true
          const { reason } = connection
          if (reason !== undefined && !troubled) {
            troubled = true
            trouble(unavailable(reason))
          }
          await rest(RETRY_MS)
        } else if (unsure) {
          await fetchPending()
          unsure = false
        } else if (count <= 0) await rest()
        else {
          await fetchNew(Math.min(count, most))
          if (troubled) resumed()
          troubled = false
        }
      } catch (error) {
        if (stopped) return
        unsure = true
        // The slot has another master, which the connection looks for, or the connection was just lost.
        if (movedAway(error) || neverSent(error)) {
          await rest(RETRY_MS)
          continue
        }
        troubled = true
        trouble(error)
        // The master became a replica and kept the connection: look for the master again.
        if (replyCode(error) === 'READONLY') connection.lookAgain()
        // NOGROUP: someone deleted the stream or the group (FLUSHALL).
        opened = false
        await rest(RETRY_MS)
      }
    }
  }

  async function fetchNew(count: number): Promise<void> {
    // The leases begin when Redis hands the entries out, which is not before this.
    const leasedSince = performance.now()
    const entries = await read(count, ['BLOCK', BLOCK_MS], fromNew)
    if (entries.length > 0) fetched(entries, count, leasedSince)
  }

  /** Fetches what Redis handed to this consumer and this worker does not know. */
  async function fetchPending(): Promise<void> {
    const from = keysToRead.map(() => '0')
    for (;;) {
      const leasedSince = performance.now()
      // Taken before the read: what ends while the reply is on its way was leased when Redis wrote it.
      const isLeased = snapshot()
      const entries = await read(most, [], from)
      fetched(
        entries.filter((entry) => !isLeased(entry)),
        entries.length,
        leasedSince,
      )
      if (entries.length === 0) return
      for (const { source, position } of entries) from[keysToRead.length - 1 - source] = position
    }
  }

  async function read(
    count: number,
    block: readonly (string | number)[],
    from: readonly string[],
  ): Promise<FetchedEntry[]> {
    const args = ['GROUP', group, consumer, 'COUNT', count, ...block, 'STREAMS', ...keysToRead, ...from]
    return decode((await connection.call('xreadgroup', ...args)) as ReadReply)
  }

  function decode(reply: ReadReply): FetchedEntry[] {
    const all: FetchedEntry[] = []
    for (const [key, entries] of reply ?? []) {
      const source = sourceKeys.indexOf(key)
      // One that was deleted by hand has no fields.
      for (const [position, fields] of entries) all.push({ position, source, fields: fields ?? [] })
    }
    return all
  }

  const fetching = fetchAll()

  return {
    roomMade: () => wake?.(),
    async stop() {
      stopped = true
      // Once the server closed it, too, it hands nothing out any more.
      const ended = connection.close()
      wake?.()
      await Promise.allSettled([fetching, ended])
    },
  }
}

function unavailable(reason: string): PenknifeError {
  return new PenknifeError(
    'PENKNIFE_UNAVAILABLE',
    `the worker's connection to Redis cannot be made: ${reason}`,
  )
}
