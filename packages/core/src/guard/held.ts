import { endsByItself } from '../lease.ts'
import type { Receiver } from '../redis/driver.ts'
import type { Keeper, KeptLease } from './keeper.ts'
import type { HeldLock } from './lock-types.ts'
import type { HeldPermit } from './semaphore-types.ts'

/** What a lease is of, as scripts and events name it. */
export interface HeldThing {
  readonly keys: readonly string[]
  readonly fence: number
}

export interface HeldWays<Of> {
  readonly keeper: Keeper<Of>
  /** Tells the receiver whether the lease was in force. */
  readonly release: (of: Of, receiver: Receiver<boolean>) => void
}

/** A lease of locks or permits, as the application has it. */
export class Held<Of extends HeldThing> implements HeldLock, HeldPermit {
  readonly keys: readonly string[]
  readonly weight: number
  readonly fence: number
  readonly #lease: KeptLease<Of>
  readonly #ways: HeldWays<Of>
  #released: Promise<boolean> | undefined

  /** `sentAt`: the performance.now() before the call was sent. */
  constructor(of: Of, weight: number, sentAt: number, ways: HeldWays<Of>) {
    this.keys = of.keys
    this.weight = weight
    this.fence = of.fence
    this.#ways = ways
    this.#lease = ways.keeper.keep(of, sentAt)
  }

  get signal(): AbortSignal {
    return this.#lease.signal
  }

  get leftMs(): number {
    return this.#lease.leftMs
  }

  release(): Promise<boolean> {
    if (!this.#released) {
      const { keeper, release } = this.#ways
      keeper.end(this.#lease)
      this.#released = new Promise((received, reject) => {
        const failed = (error: unknown): void => {
          // The caller may try again.
          this.#released = undefined
          reject(error)
        }
        release(this.#lease.of, { received, failed })
      })
    }
    return this.#released
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.release()
    } catch (error) {
      if (!endsByItself(error)) throw error
    }
  }
}

/** Runs a function with a lease, and releases the lease. An error of the function is thrown, also when the release fails. */
export async function runHeld<Thing extends AsyncDisposable, Result>(
  held: Thing,
  body: (held: Thing) => Result | Promise<Result>,
): Promise<Result> {
  let result: Result
  try {
    result = await body(held)
  } catch (error) {
    try {
      await held[Symbol.asyncDispose]()
    } catch {
      // The lease ends by itself.
    }
    throw error
  }
  await held[Symbol.asyncDispose]()
  return result
}
