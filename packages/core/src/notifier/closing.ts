import { closeDeadlineMs } from '../closing.ts'
import type { CloseOptions } from '../redis/penknife.ts'

/** An object with an async `close`, which `await using` calls too. */
export interface NotifierClosable {
  /**
   * Ends it at once: no callback runs after the call. Never rejects. `deadline` is accepted, as by every `close`, but there
   * is nothing to wait for.
   *
   * @throws PENKNIFE_INVALID for a wrong option.
   */
  close(options?: CloseOptions): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** The `close` of something that ends at once. */
export function closing(end: () => void): NotifierClosable {
  return {
    close(options = {}) {
      closeDeadlineMs(options, 0)
      end()
      return Promise.resolve()
    },
    async [Symbol.asyncDispose]() {
      end()
    },
  }
}
