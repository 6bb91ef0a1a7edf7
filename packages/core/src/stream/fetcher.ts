import { BLOCK_MS } from '../redis/driver.ts'
import { badReply } from '../redis/failures.ts'
import type { Runtime } from '../redis/penknife.ts'
import { createArrivals } from './arrivals.ts'
import type { WorkerScripts } from './worker-scripts.ts'

/** How a worker's reader gets entries: over a connection of its own, or over those that the workers of the process share. */
export interface Fetcher {
  /** Whether a fetch is sent at once. */
  readonly ready: boolean
  /** Why it cannot connect. Undefined when it is connected, or is connecting for the first time. */
  readonly reason: string | undefined
  onReady(listener: () => void): void
  /** New entries, at most `count` of each source. `wait`: it may wait for some. */
  fetchNew(count: number, wait: boolean): Promise<FetchReply>
  /** Entries that are pending for this consumer, after an id of each source, in the order of the keys that are read. */
  fetchPending(count: number, from: readonly string[]): Promise<FetchReply>
  /**
   * Before `fetchNew`: waits until there may be new entries, and calls `wake` once. Returns a function that ends the wait, or undefined
   * when `fetchNew` may be called now. Without it `fetchNew` itself waits.
   */
  wait?(wake: () => void): (() => void) | undefined
  /** The group was given another position: there may be entries that arrived earlier. */
  again?(): void
  /** The server is a replica now. */
  reconnect(): void
  /** Resolves when Redis delivers no more entries to the consumer; `fetching` settles when the reader has stopped. */
  close(fetching: Promise<unknown>): Promise<unknown>
}

type Fields = readonly string[] | null
/** The reply of XREADGROUP. */
export type FetchReply =
  | readonly (readonly [key: string, entries: readonly (readonly [position: string, Fields])[]])[]
  | null

export interface FetcherOptions {
  readonly runtime: Runtime
  readonly group: string
  readonly consumer: string
  readonly scripts: Pick<WorkerScripts, 'sourceKeys' | 'fetch'>
}

/** With a blocking XREADGROUP on a connection of its own. An idle worker costs Redis one command in five seconds. */
export function createOwnFetcher({ runtime, group, consumer, scripts }: FetcherOptions): Fetcher {
  const connection = runtime.openReader(runtime.keys.route)
  const keys = scripts.sourceKeys.toReversed()
  const fromNew = keys.map(() => '>')

  async function read(
    count: number,
    block: readonly (string | number)[],
    from: readonly string[],
  ): Promise<FetchReply> {
    const args = ['GROUP', group, consumer, 'COUNT', count, ...block, 'STREAMS', ...keys, ...from]
    return (await connection.call('xreadgroup', ...args)) as FetchReply
  }

  return {
    get ready() {
      return connection.ready
    },
    get reason() {
      return connection.reason
    },
    onReady: (listener) => void connection.on('ready', listener),
    fetchNew: (count, wait) => read(count, wait ? ['BLOCK', BLOCK_MS] : [], fromNew),
    fetchPending: (count, from) => read(count, [], from),
    reconnect: connection.reconnect,
    // Resolves after the server closed the connection.
    close: connection.close,
  }
}

/** With lua/stream/fetch.lua on the connection for commands; `Arrivals` says when. */
export function createSharedFetcher({ runtime, group, scripts }: FetcherOptions): Fetcher {
  const keys = scripts.sourceKeys.toReversed()
  const member = runtime.single(createArrivals).join(runtime.keys.route, keys, group)

  async function fetchNew(count: number): Promise<FetchReply> {
    const done = member.fetching()
    try {
      const [after, reply] = listOf(await scripts.fetch(count, '')) as [string[] | null, FetchReply]
      done({ after, found: reply?.length ?? 0 })
      return reply
    } catch (error) {
      done(undefined)
      throw error
    }
  }

  return {
    // A fetch waits for the connection itself.
    ready: true,
    reason: undefined,
    onReady: () => {},
    fetchNew,
    fetchPending: async (count, from) => listOf(await scripts.fetch(count, from.join(' ')))[1] as FetchReply,
    wait: member.wait,
    again: member.again,
    reconnect: () => {},
    async close(fetching) {
      await fetching
      await member.leave()
    },
  }
}

function listOf(reply: unknown): readonly unknown[] {
  if (Array.isArray(reply) && reply.length === 2) return reply
  throw badReply('stream/fetch', `${String(reply)} is not a list of 2`)
}
