import { createHook } from 'node:async_hooks'

import type { Redis } from 'ioredis'

/** Counts the calls of setImmediate while Redis replies 50 times: many if something polls in each tick. */
export async function immediatesOf(raw: Redis): Promise<number> {
  let count = 0
  const hook = createHook({
    init(_, type) {
      if (type === 'Immediate') count += 1
    },
  }).enable()
  try {
    for (let replies = 0; replies < 50; replies++) await raw.ping()
  } finally {
    hook.disable()
  }
  return count
}
