import { createKeys } from '../../packages/core/src/redis/keys.ts'
import type { Sample } from './sample.ts'

const keys = createKeys('samples', { keyPrefix: 'app:', db: 0 })
const declaration = keys.declaration('orders')

const { names, seen, options } = keys.registry
const REGISTERED = [
  ['ZADD', names, 0, 'stream orders'],
  ['ZADD', seen, 5, 'stream orders'],
  ['HSET', options, 'stream orders', '{}'],
]

/** Samples of the scripts of spaces. */
export const SPACE_SAMPLES: Readonly<Record<string, readonly Sample[]>> = {
  'space/declare': [
    { returns: 'string', item: [declaration, 'history 1', 0], before: [['SET', declaration, 'history 2']] },
    { returns: 'null', item: [declaration, 'history 1', 1000] },
  ],
  'space/register': [
    {
      returns: 'integer',
      item: [names, seen, options, 'stream mails', '{}', 1000, 10],
      before: REGISTERED,
    },
  ],
  'space/registered': [
    { returns: 'list', item: [names, seen, options, '-', '+', 10, 1000], before: REGISTERED },
  ],
}
