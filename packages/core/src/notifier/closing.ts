import { closeDeadlineMs } from '../closing.ts'
import type { NotifierClosable } from './subscription-types.ts'

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
