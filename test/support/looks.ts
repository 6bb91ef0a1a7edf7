import { createHook } from 'node:async_hooks'

import type { Redis } from 'ioredis'

/** How many callbacks are put off to the next turn of the event loop while it makes some turns: many if something looks again in each turn. */
export async function looksInTurns(raw: Redis): Promise<number> {
  let looks = 0
  const hook = createHook({
    init(_, type) {
      if (type === 'Immediate') looks += 1
    },
  }).enable()
  try {
    for (let turn = 0; turn < 50; turn++) await raw.ping()
  } finally {
    hook.disable()
  }
  return looks
}
