import type { Redis } from 'ioredis'

import type { Link } from '../driver.ts'
import { commandOf } from './direct.ts'
import { toFailure } from './errors.ts'

/** Follows channels on a connection of ioredis. */
export function createFollowing(redis: Redis): Pick<Link, 'ssubscribe' | 'sunsubscribe'> {
  const pending = new Set<(error: Error) => void>()
  let watched = false

  function watch(): void {
    if (watched) return
    watched = true
    redis.on('close', () => {
      const all = [...pending]
      pending.clear()
      for (const fail of all) fail(new Error('the connection was closed'))
    })
    if (knowsMoves(redis)) return
    // An SSUBSCRIBE that is refused for a moved slot never settles.
    redis.on('moved', () => redis.disconnect(true))
    // ioredis takes the server's notice about a moved channel for the reply to another command.
    redis.on('error', ({ message }: Error) => {
      if (message.startsWith('Command queue state error')) redis.disconnect(true)
    })
  }

  return {
    ssubscribe(channel) {
      watch()
      return new Promise((resolve, reject) => {
        pending.add(reject)
        redis
          .ssubscribe(channel)
          .then(resolve, (error: unknown) => reject(toFailure(error) as Error))
          .finally(() => pending.delete(reject))
      })
    },
    sunsubscribe: (channel) =>
      redis.sunsubscribe(channel).catch((error: unknown) => {
        throw toFailure(error)
      }),
  }
}

/** Whether ioredis reports a moved slot correctly. Version 5 does not, so its connections are closed instead. */
function knowsMoves(redis: Redis): boolean {
  return 'setReplyContext' in commandOf(redis)
}
