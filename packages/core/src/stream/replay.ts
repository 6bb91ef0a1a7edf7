import { setTimeout as delay } from 'node:timers/promises'

import { invalid, isOutage, PenknifeError } from '../errors.ts'
import { checkOptions, wholeNumber } from '../options.ts'
import { BLOCK_MS, whenReady } from '../redis/driver.ts'
import { failureOf, replyCode } from '../redis/failures.ts'
import type { Reader } from '../redis/reader.ts'
import { streamPage } from '../redis/scripts.gen.ts'
import { toEntry } from './entries.ts'
import type { StreamReplayOptions, StreamEntry } from './entry-types.ts'
import { before, toRange } from './ids.ts'
import { pages, toEntries } from './pages.ts'
import type { Scope } from './scope.ts'

const KNOWN = ['from', 'after', 'to', 'reverse', 'follow', 'pageEntries', 'pageBytes', 'signal']

/** Wait before a follower tries again to reach Redis. */
const RETRY_MS = 250

/** Iterates over a range of a stream. It fetches a page when the one before was consumed. */
export function replay<T>(scope: Scope, options: StreamReplayOptions): AsyncGenerator<StreamEntry<T>, void> {
  checkOptions('replay', options, KNOWN)
  const { reverse = false, follow = false, signal } = options
  const count = wholeNumber('pageEntries', options.pageEntries ?? 100, 1, 1000)
  const bytes = wholeNumber('pageBytes', options.pageBytes ?? 1 << 20, 1024, 8 << 20)
  const start = reverse ? 'to' : 'from'
  if (options[start] !== undefined && options.after !== undefined) {
    throw invalid('after', options.after, `give '${start}' or 'after', not both`)
  }
  if (follow && reverse)
    throw invalid(
      'follow',
      follow,
      "give 'follow' or 'reverse', not both: new entries cannot be read in reverse",
    )
  if (follow && options.to !== undefined) {
    throw invalid('to', options.to, "leave it out with 'follow', or break out of the loop")
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalid('signal', signal, 'give an AbortSignal')
  }
  const { first, last } = toRange(options)

  const { route, key, bind } = scope
  const page = bind(streamPage, [])

  /** Yields the entries until the end of the range. */
  async function* read(position: string): AsyncGenerator<StreamEntry<T>, void> {
    const range = { first: position, last, reverse, count, bytes, signal }
    for await (const entries of pages(page, route, key, range)) {
      for (const [id, fields] of entries) {
        yield toEntry<T>(id, fields)
        signal?.throwIfAborted()
      }
    }
  }

  /** Continues after the last entry, across outages. */
  async function* tail(): AsyncGenerator<StreamEntry<T>, void> {
    const growth = watchGrowth(scope, signal)
    /** The last id that was read. Undefined with `from: '+'`, until the newest id is known. */
    let seen = first.startsWith('(') ? first.slice(1) : first === '+' ? undefined : before(first)
    try {
      for (;;) {
        try {
          if (seen === undefined) {
            const [, ...newest] = await page(route, key, '+', '-', 1, bytes, 'XREVRANGE')
            seen = toEntries(newest)[0]?.[0] ?? '0-0'
          }
          for await (const entry of read(`(${seen}`)) {
            seen = entry.id
            yield entry
          }
          await growth.after(seen)
        } catch (error) {
          signal?.throwIfAborted()
          if (!isOutage(error)) throw error
          await delay(RETRY_MS)
        }
      }
    } finally {
      growth.close()
    }
  }

  return follow ? tail() : read(first)
}

interface Growth {
  /** Resolves when there may be entries after an id, and at least every five seconds: a blocking XREAD. */
  after(id: string): Promise<void>
  close(): void
}

/** Waits for new entries on its own connection, which it opens at the first wait. */
function watchGrowth({ runtime, route, key, title }: Scope, signal: AbortSignal | undefined): Growth {
  let reader: Reader | undefined
  let closed = false
  let forget: (() => void) | undefined
  const close = (): void => {
    void reader?.close()
    forget?.()
    signal?.removeEventListener('abort', close)
  }
  // After penknife.close() it is called at once.
  forget = runtime.onClose(async () => {
    closed = true
    close()
  })
  signal?.addEventListener('abort', close)

  return {
    close,
    async after(id) {
      try {
        reader ??= runtime.openReader(route)
        if (!reader.ready) await whenReady(reader, AbortSignal.timeout(BLOCK_MS))
        await reader.call('xread', 'COUNT', 1, 'BLOCK', BLOCK_MS, 'STREAMS', key, id)
      } catch (error) {
        signal?.throwIfAborted()
        if (closed) throw new PenknifeError('PENKNIFE_CLOSED', `replay of ${title}: penknife was closed`)
        // The server is now a replica and kept the connection open: search for the master again.
        if (replyCode(error) === 'UNBLOCKED') reader?.reconnect()
        throw failureOf(`replay of ${title}`, error)
      }
    },
  }
}
