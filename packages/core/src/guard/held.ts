import { isOutage } from '../errors.ts'
import type { Keeper, KeptLease } from './keeper.ts'
import type { HeldLock } from './lock-types.ts'
import type { HeldPermit } from './semaphore-types.ts'

/** What a lease is of, as scripts and events name it. */
export interface HeldThing {
  readonly keys: readonly string[]
  readonly fence: number
}

interface Ways<Of> {
  readonly keeper: Keeper<Of>
  readonly release: (of: Of) => Promise<boolean>
}

/** A lease of locks or permits, as the application has it. */
export class Held<Of extends HeldThing> implements HeldLock, HeldPermit {
  readonly keys: readonly string[]
  readonly weight: number
  readonly fence: number
  readonly #lease: KeptLease<Of>
  readonly #ways: Ways<Of>
  #released: Promise<boolean> | undefined

  /** `sentAt`: the performance.now() before the call was sent. */
  constructor(of: Of, weight: number, sentAt: number, ways: Ways<Of>) {
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
      this.#released = release(this.#lease.of)
      // The caller may try again.
      this.#released.catch(() => (this.#released = undefined))
    }
    return this.#released
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.release()
    } catch (error) {
      if (!isOutage(error)) throw error
    }
  }
}
