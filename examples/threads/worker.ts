import { availableParallelism } from 'node:os'

import { Piscina } from 'piscina'

import type { Stream, Worker, WorkerCloseOptions, WorkerOptions } from '@penknife/core'

export interface Range {
  readonly below: number
}

/** A worker whose handlers compute in threads: the event loop stays free for the heartbeat. */
export function startCounting(
  numbers: Stream<Range>,
  options: WorkerOptions<Range> = {},
): { readonly worker: Worker; close(options?: WorkerCloseOptions): Promise<void> } {
  // One core stays free for the event loop.
  const threads = Math.max(1, availableParallelism() - 1)
  const pool = new Piscina<Range, number>({
    filename: new URL('./primes.mjs', import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
  })
  const worker = numbers.worker(
    'count',
    // When the signal aborts, piscina ends the thread and starts another one.
    ({ payload, signal }) => pool.run(payload, { signal }),
    // As many entries as threads: further ones wait in Redis, where other processes can take them.
    { ...options, concurrency: threads },
  )
  return {
    worker,
    /** Handlers that run at the deadline are stopped, and their entries given back. */
    async close(how) {
      await worker.close(how)
      await pool.destroy()
    },
  }
}
