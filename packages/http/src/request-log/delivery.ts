import { PenknifeError } from '@penknife/core'
import type { BatchWritten } from '@penknife/core/internal'

import { BoundedBuffer } from './buffer.ts'
import { withDropped } from './pack.ts'

export interface DeliveryOptions {
  /** Sends a batch. It may be called again with the same number and texts when the fate of the first call is unknown. */
  readonly write: (number: number, texts: readonly string[]) => Promise<BatchWritten>
  /** The most entries of a batch. */
  readonly batch: number
  /** The most entries and bytes in memory, also those of the batch that is being sent. */
  readonly maxPending: number
  readonly maxPendingBytes: number
  /** How long the first entry of a batch waits for others. */
  readonly intervalMs: number
  /** Gets each error of Redis that is not an outage, once until a batch is written again. */
  readonly onRefused: (error: unknown) => void
  /** Entries left the buffer because there was no room. */
  readonly onOverflow: (entries: number) => void
  /** Entries of a batch that Redis answered found the stream full. */
  readonly onFull: (entries: number) => void
  /** A batch was written. */
  readonly onWritten: (written: BatchWritten) => void
}

interface OpenBatch {
  readonly number: number
  readonly texts: readonly string[]
  readonly bytes: number
  /** The requests that its first entry says were dropped. */
  readonly dropped: number
  /** When a call with it had an unknown fate; undefined while it is certainly not written. */
  unknownSince: number | undefined
}

const MOST_BATCH_BYTES = 128 * 1024
const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 1000
/** Redis forgets the number of a writer's batch after a day (lua/stream/add_batch.lua). */
const LONGEST_UNKNOWN_MS = 20 * 3_600_000

/**
 * Writes entries in batches: one at a time, in order. A batch that failed is sent again under its number, which adds it once.
 *
 *     buffered ── interval, or a full batch ──> open batch ── written ──> gone
 *        └─ no room: dropped, counted              └─ failed: again, later
 *
 * Dropped entries are counted. The first entry of the next batch has the count, so that the log itself says what is missing.
 */
export class Delivery {
  readonly #options: DeliveryOptions
  readonly #buffer: BoundedBuffer
  #batch: OpenBatch | undefined
  /** Whether a call with the open batch has no reply yet. */
  #sending = false
  #number = 0
  #dropped = 0
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #failures = 0
  #refused = false
  #wake: (() => void) | undefined
  #flushing = 0

  constructor(options: DeliveryOptions) {
    this.#options = options
    this.#buffer = new BoundedBuffer(options.maxPending, options.maxPendingBytes)
  }

  /** Entries in memory. */
  get pending(): number {
    return this.#buffer.size + (this.#batch?.texts.length ?? 0)
  }

  /** Of them, those of a batch that may be written: it is on its way, or its fate is unknown. */
  get unknown(): number {
    const { texts = [], unknownSince } = this.#batch ?? {}
    return this.#sending || unknownSince !== undefined ? texts.length : 0
  }

  add(text: string): void {
    const others = { count: this.#batch?.texts.length ?? 0, bytes: this.#batch?.bytes ?? 0 }
    const left = this.#buffer.push(text, others)
    if (left > 0) {
      this.#dropped += left
      this.#options.onOverflow(left)
    }
    if (this.#running) return
    if (this.#buffer.size >= this.#options.batch) this.#start()
    else this.#timer ??= setTimeout(() => this.#start(), this.#options.intervalMs).unref()
  }

  /** Counts requests that were dropped before they had a text. */
  drop(requests: number): void {
    this.#dropped += requests
  }

  /** Takes the number of dropped requests that no entry tells of. */
  takeDropped(): number {
    const dropped = this.#dropped
    this.#dropped = 0
    return dropped
  }

  /** Resolves with true when all entries so far are written, and with false after `withinMs`. */
  async flush(withinMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), withinMs)))
    this.#flushing += 1
    this.#wake?.()
    try {
      return await Promise.race([this.#drained(), late])
    } finally {
      this.#flushing -= 1
      clearTimeout(timer)
    }
  }

  /** Gives up all entries. Returns how many are certainly lost: not those that may be written. */
  abandon(): number {
    const lost = this.pending - this.unknown
    this.#buffer.clear()
    this.#dropped += lost
    this.#batch = undefined
    this.#wake?.()
    return lost
  }

  async #drained(): Promise<true> {
    while (this.pending > 0) {
      if (!this.#running) this.#start()
      await this.#running
    }
    return true
  }

  #start(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.#buffer.size > 0)
        this.#timer ??= setTimeout(() => this.#start(), this.#options.intervalMs).unref()
    })
  }

  /** Sends batches until less than a batch is left, or while somebody flushes until nothing is left. */
  async #run(): Promise<void> {
    do {
      this.#batch ??= this.#nextBatch()
      if (!this.#batch) return
      await this.#send(this.#batch)
    } while (this.#batch || this.#flushing > 0 || this.#buffer.size >= this.#options.batch)
  }

  #nextBatch(): OpenBatch | undefined {
    const { texts, bytes } = this.#buffer.take(this.#options.batch, MOST_BATCH_BYTES)
    const [first] = texts
    if (first === undefined) return undefined
    const dropped = this.#dropped
    this.#dropped = 0
    if (dropped > 0) texts[0] = withDropped(first, dropped)
    this.#number += 1
    return { number: this.#number, texts, bytes, dropped, unknownSince: undefined }
  }

  /** Sends the open batch once, and waits if that fails. */
  async #send(batch: OpenBatch): Promise<void> {
    const { number, texts } = batch
    let written: BatchWritten
    this.#sending = true
    try {
      written = await this.#options.write(number, texts)
    } catch (error) {
      this.#sending = false
      if (this.#batch === batch) await this.#failed(batch, error)
      return
    }
    this.#sending = false
    // It may have been given up meanwhile.
    if (this.#batch !== batch) return
    this.#batch = undefined
    this.#failures = 0
    this.#refused = false
    const full = texts.length - written.added
    if (full > 0) {
      this.#dropped += full + (written.added === 0 ? batch.dropped : 0)
      this.#options.onFull(full)
    }
    this.#options.onWritten(written)
  }

  async #failed(batch: OpenBatch, error: unknown): Promise<void> {
    if (!(error instanceof PenknifeError) || error.fate !== 'not-done')
      batch.unknownSince ??= performance.now()
    if (!this.#refused && !(error instanceof PenknifeError && error.outage)) {
      this.#refused = true
      this.#options.onRefused(error)
    }
    if (error instanceof PenknifeError && error.code === 'PENKNIFE_CLOSED') {
      // Nothing can be sent any more.
      this.#options.onOverflow(this.abandon())
      return
    }
    if (batch.unknownSince !== undefined && performance.now() - batch.unknownSince > LONGEST_UNKNOWN_MS) {
      this.#batch = undefined
      this.#dropped += batch.texts.length + batch.dropped
      this.#options.onOverflow(batch.texts.length)
    }
    const ms = Math.min(FIRST_WAIT_MS * 2 ** this.#failures, LONGEST_WAIT_MS)
    this.#failures = Math.min(this.#failures + 1, 10)
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms * (0.75 + Math.random() / 2)).unref()
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
  }
}
