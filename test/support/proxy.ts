import { onTestFinished } from 'vitest'

import { type Proxy, startProxy as start } from '../../scripts/redis/proxy.ts'

export type { Proxy } from '../../scripts/redis/proxy.ts'

/** A proxy for one test. */
export async function startProxy(target: { readonly host: string; readonly port: number }): Promise<Proxy> {
  const proxy = await start(target)
  onTestFinished(() => proxy.leave())
  return proxy
}
