import { createHook } from 'node:async_hooks'

import type { Redis } from 'ioredis'

/** How many calls of `setImmediate` are made during 50 round trips: many if something polls in each tick. */
export async function countImmediates(raw: Redis): Promise<number> {
  let count = 0
  const hook = createHook({
    init(_, type) {
      if (type === 'Immediate') count += 1
    },
  }).enable()
  try {
    for (let trip = 0; trip < 50; trip++) await raw.ping()
  } finally {
    hook.disable()
  }
  return count
}
