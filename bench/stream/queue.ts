/** A queue library, reduced to the calls of the cases, so that every case runs on every library in the same way. */
import type { Library } from '../harness/library.ts'

export interface Job {
  readonly at: number
  readonly [field: string]: unknown
}

export interface Queue {
  /** With its version if it has one. */
  readonly name: string
  /** `default`, `plain`, `autopipelined`. */
  readonly setup: string
  /** The commands that it sends, in lower case. */
  readonly commands: readonly string[]
  /** `build` is the build of penknife to measure. Others ignore it. */
  open(url: string, build: Library): Promise<OpenQueue>
}

export interface OpenQueue {
  /** Resolves when Redis has it. */
  add(job: Job): Promise<unknown>
  /** Adds a job that is to be handled that much later, if it is measured how the library does that. */
  addLater?(job: Job, delayMs: number): Promise<unknown>
  /** Adds many in as few calls as the library offers. */
  addMany(jobs: readonly Job[]): Promise<unknown>
  /** Starts a worker on this queue. Calls `ended` for each job when its end is stored in Redis. */
  work(concurrency: number, handle: Handle, ended: () => void): Promise<StopWorker>
  /** Starts a worker whose handler gets up to `size` jobs at once, if the library supports that. */
  workInBatches?(size: number, handle: HandleBatch, ended: (count?: number) => void): Promise<StopWorker>
  close(): Promise<void>
}

export type Handle = (job: Job) => void
export type HandleBatch = (jobs: readonly Job[]) => void
export type StopWorker = () => Promise<void>

/** About 115 bytes of JSON. */
export function jobOf(at: number): Job {
  return {
    at,
    user: `user-${at % 1000}`,
    action: 'checkout',
    amount: 1999,
    currency: 'EUR',
    cart: 'c0ffee00-1234-4abc-9def-0123456789ab',
  }
}

export function jobs(count: number, from: number = 0): Job[] {
  return Array.from({ length: count }, (_, at) => jobOf(from + at))
}

/** For libraries without a bulk call: adds with 100 in flight. */
export async function addEach(add: (job: Job) => Promise<unknown>, all: readonly Job[]): Promise<void> {
  let next = 0
  const addRepeatedly = async (): Promise<void> => {
    while (next < all.length) await add(all[next++] as Job)
  }
  await Promise.all(Array.from({ length: 100 }, addRepeatedly))
}
