import { createKeys } from '../../packages/core/src/redis/keys.ts'
import type { Sample } from './sample.ts'

const keys = createKeys('samples', { keyPrefix: 'app:', db: 0 })
const stream = keys.stream('orders')
const ready = keys.ready('orders', 'billing')

/** Samples of the scripts that only tools use. */
export const INSPECT_SAMPLES: Readonly<Record<string, readonly Sample[]>> = {
  'inspect/group': [
    {
      returns: 'list',
      item: [
        stream,
        ready,
        keys.delayed('orders', 'billing'),
        keys.deadLetters('orders', 'billing'),
        keys.paused('orders', 'billing'),
        keys.busyPlaces('orders', 'billing'),
        keys.queued('orders', 'billing'),
        keys.low('orders', 'billing'),
        'billing',
      ],
      before: [
        ['XADD', stream, '1-1', 'd', '{}'],
        ['XGROUP', 'CREATE', stream, 'billing', '0'],
        ['XREADGROUP', 'GROUP', 'billing', 'w1', 'STREAMS', stream, '>'],
        ['XADD', ready, '2-1', 'i', '1-1', 'a', 1, 'f', 1, 'd', '{}'],
        ['XGROUP', 'CREATE', ready, 'billing', '0'],
      ],
    },
  ],
}
