import type { Penknife, Space } from '@penknife/core'
import type { Redis } from 'ioredis'

import { openReady } from '../support/connect.ts'

export interface Shop {
  readonly app: Penknife
  readonly space: Space
  /** Registers what was created, so that the command line finds it. */
  readonly listed: () => Promise<void>
}

/** An application with the space `shop`. */
export async function openShop(raw: Redis): Promise<Shop> {
  const app = await openReady(raw, { deadline: '30s' })
  const space = app.space('shop')
  return { app, space, listed: () => space.runtime.registered() }
}
