import { PenknifeError } from '../errors.ts'
import { movedAway, neverSent, replyCode } from '../redis/failures.ts'
import type { Fetcher, FetchReply } from './fetcher.ts'
import type { FetchedEntry } from './leased-entry.ts'
import type { LowEntries } from './low-entries.ts'
import { addRun, isRun, streamPosition, withoutTurn } from './run-entries.ts'
import { NEW } from './sources.ts'

export interface ReaderOptions {
  readonly fetcher: Fetcher
  /** The keys of `SOURCES`. */
  readonly sourceKeys: readonly string[]
  readonly low: Omit<LowEntries, 'found'>
  /** Creates the group if it does not exist; `again` when it existed before. */
  readonly open: (again: boolean) => Promise<unknown>
  /** How many entries the worker can take now. */
  readonly room: () => number
  /** Most entries of one read from each source. */
  readonly most: number
  /** Called with the entries of a read that asked for `asked` entries of each source and was sent at `leasedSince` of the local clock. */
  readonly fetched: (entries: readonly FetchedEntry[], asked: number, leasedSince: number) => void
  /** Returns a test for the entries that are under this worker's lease at the time of the call. */
  readonly snapshot: () => (entry: FetchedEntry) => boolean
  readonly trouble: (error: unknown) => void
  readonly resumed: () => void
}

export interface Reader {
  /** Call it when there may be room again. */
  roomMade(): void
  /** Stops fetching. */
  stop(): Promise<void>
}

/** Wait before the reader tries again after an error. */
const RETRY_MS = 250
/** Wait before the reader asks again for entries of low priority, if others took what there was. */
const LOW_RETRY_MS = 5

/**
 * Fetches a worker's entries from all sources. If the reply of a read may have been lost, it reads the worker's own pending entries
 * first.
 */
export function createReader(options: ReaderOptions): Reader {
  const { fetcher, sourceKeys, low, open, room, most, fetched, snapshot, trouble, resumed } = options
  let stopped = false
  let wake: (() => void) | undefined
  let looking = false
  /** How many sources had enough entries for the last read, and among how many the next one is shared. */
  let fullReads = 0
  let shares = 1
  fetcher.onReady(() => wake?.())

  /** Waits until `wake` is called, or for that time. */
  function pause(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(() => wake?.(), ms)
      wake = () => {
        // Cleared, because `wake` is called for each entry that ends, mostly while the reader does not wait.
        wake = undefined
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** Wakes up if a read is worth its cost. Mostly it is not: `roomMade` is called twice for each entry. */
  function look(): void {
    looking = false
    if (wake && room() > 0) wake()
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
        if (!fetcher.ready) {
          unsure = true
          const { reason } = fetcher
          if (reason !== undefined && !troubled) {
            troubled = true
            trouble(unavailable(reason))
          }
          await pause(RETRY_MS)
        } else if (unsure) {
          await fetchPending()
          unsure = false
        } else if (count <= 0) await pause()
        else {
          const moving = low.beforeFetch(Math.min(count, most))
          if (moving) await moving
          if (stopped) return
          const endWait = troubled || low.known ? undefined : fetcher.wait?.(() => wake?.())
          if (endWait) {
            low.waiting(count)
            await pause()
            low.waiting(0)
            endWait()
            continue
          }
          const found = await fetchNew(Math.min(count, most))
          if (troubled) resumed()
          troubled = false
          // Other workers were faster. To ask again at once would be for nothing, and slow them down.
          if (found === 0 && low.known && !stopped) await pause(LOW_RETRY_MS)
        }
      } catch (error) {
        if (stopped) return
        unsure = true
        // The slot has a new master, which the connection searches for, or the connection was just lost.
        if (movedAway(error) || neverSent(error)) {
          await pause(RETRY_MS)
          continue
        }
        troubled = true
        trouble(error)
        // The server is now a replica and kept the connection open: search for the master again.
        if (replyCode(error) === 'READONLY') fetcher.reconnect()
        // After NOGROUP the stream or the group was deleted (FLUSHALL).
        opened = false
        await pause(RETRY_MS)
      }
    }
  }

  /** Resolves with how many entries it found. */
  async function fetchNew(count: number): Promise<number> {
    // A read gets as many entries from each source. While all have enough, each gives its share, so that none has to be given back.
    const each = Math.ceil(count / shares)
    // The leases begin when Redis delivers the entries, which is not before now.
    const leasedSince = performance.now()
    const wait = !low.known
    if (wait) low.waiting(count)
    const reply = await fetcher.fetchNew(each, wait).finally(() => low.waiting(0))
    const entries = decode(reply, each)
    low.fetched(entries.length, fullReads > 0)
    shares = fullReads === sourceKeys.length ? fullReads : 1
    if (entries.length > 0) fetched(entries, count, leasedSince)
    return entries.length
  }

  /** Fetches entries that are pending for this consumer and that this worker does not know. */
  async function fetchPending(): Promise<void> {
    const from = sourceKeys.map(() => '0')
    for (;;) {
      const leasedSince = performance.now()
      // Taken before the read, because an entry that ends before the reply arrives is in the reply too.
      const isLeased = snapshot()
      const entries = decode(await fetcher.fetchPending(most, from), most)
      fetched(entries.filter((entry) => !isLeased(entry)).map(withoutTurn), entries.length, leasedSince)
      if (entries.length === 0) return
      for (const { source, position } of entries) {
        from[sourceKeys.length - 1 - source] = streamPosition(position)
      }
    }
  }

  function decode(reply: FetchReply, count: number): FetchedEntry[] {
    const all: FetchedEntry[] = []
    fullReads = 0
    for (const [key, entries] of reply ?? []) {
      const source = sourceKeys.indexOf(key)
      if (entries.length === count) fullReads += 1
      // An entry that was deleted by hand has no fields.
      for (const [position, fields] of entries) {
        if (source !== NEW && fields && isRun(fields)) addRun(position, source, fields, all)
        else all.push({ position, source, fields: fields ?? [] })
      }
    }
    return all
  }

  const fetching = fetchAll()

  return {
    roomMade() {
      if (!wake || looking) return
      looking = true
      // A microtask, because the caller may not be done.
      queueMicrotask(look)
    },
    async stop() {
      stopped = true
      const ended = fetcher.close(fetching)
      wake?.()
      await Promise.allSettled([fetching, ended])
    },
  }
}

function unavailable(reason: string): PenknifeError {
  return new PenknifeError('PENKNIFE_UNAVAILABLE', `the worker cannot connect to Redis: ${reason}`)
}
