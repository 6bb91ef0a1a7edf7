import { createKeys } from '../../packages/core/src/redis/keys.ts'
import type { Sample } from './sample.ts'

const keys = createKeys('samples', { keyPrefix: 'app:', db: 0 })
const declaration = keys.declaration('orders')

/** Samples of the scripts of spaces. */
export const SPACE_SAMPLES: Readonly<Record<string, readonly Sample[]>> = {
  'space/declare': [
    { returns: 'string', item: [declaration, 'history 1', 0], before: [['SET', declaration, 'history 2']] },
    { returns: 'null', item: [declaration, 'history 1', 1000] },
  ],
}
