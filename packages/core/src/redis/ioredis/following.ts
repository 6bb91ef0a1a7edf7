import type { Redis } from 'ioredis'

import type { Link } from '../driver.ts'
import { commandOf } from './direct.ts'
import { toFailure } from './errors.ts'

/** Follows channels on a connection of ioredis. */
export function createFollowing(redis: Redis): Pick<Link, 'ssubscribe' | 'sunsubscribe'> {
  const asked = new Set<(error: Error) => void>()
  let watched = false

  function watch(): void {
    if (watched) return
    watched = true
    redis.on('close', () => {
      const all = [...asked]
      asked.clear()
      for (const fail of all) fail(new Error('the connection was closed'))
    })
    if (knowsMoves(redis)) return
    // An SSUBSCRIBE that is refused for a moved slot never settles.
    redis.on('moved', () => redis.disconnect(true))
    // What the server says of a channel whose slot moved passes for the reply to another command.
    redis.on('error', ({ message }: Error) => {
      if (message.startsWith('Command queue state error')) redis.disconnect(true)
    })
  }

  return {
    ssubscribe(channel) {
      watch()
      return new Promise((resolve, reject) => {
        asked.add(reject)
        redis
          .ssubscribe(channel)
          .then(resolve, (error: unknown) => reject(toFailure(error) as Error))
          .finally(() => asked.delete(reject))
      })
    },
    sunsubscribe: (channel) =>
      redis.sunsubscribe(channel).catch((error: unknown) => {
        throw toFailure(error)
      }),
  }
}

/** Whether ioredis tells of a moved slot as it should: not so in version 5, whose connections are cut then. */
function knowsMoves(redis: Redis): boolean {
  return 'setReplyContext' in commandOf(redis)
}
