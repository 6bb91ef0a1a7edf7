import { isOutage } from '../errors.ts'
import type { Keeper, KeptLease } from './keeper.ts'
import type { HeldLock } from './lock-types.ts'
import type { HeldPermit } from './semaphore-types.ts'
import type { Granted } from './tickets.ts'

/** What a lease is kept and given back with. */
interface Ways<Of> {
  readonly keeper: Keeper<Of>
  readonly release: (of: Of) => Promise<boolean>
}

/** A lease of locks or permits, as the application has it. */
export class Held<Of> implements HeldLock, HeldPermit {
  readonly keys: readonly string[]
  readonly weight: number
  readonly fence: number
  readonly #lease: KeptLease<Of>
  readonly #ways: Ways<Of>
  #released: Promise<boolean> | undefined

  constructor(
    of: Of,
    { keys, weight }: Pick<HeldLock & HeldPermit, 'keys' | 'weight'>,
    { fence, sentAt }: Granted,
    ways: Ways<Of>,
  ) {
    this.keys = keys
    this.weight = weight
    this.fence = fence
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
      // What failed may be tried again.
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
