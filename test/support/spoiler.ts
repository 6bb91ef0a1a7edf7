import { onTestFinished } from 'vitest'

import { type SpoilingProxy, startSpoilingProxy } from './spoiling-proxy.ts'

export type { Spoil, SpoilingProxy as Spoiler } from './spoiling-proxy.ts'

/** A proxy that spoils replies, until the test's end. Clients must speak RESP2 (`protocol: 2`), as the tests spoil it. */
export async function startSpoiler(target: {
  readonly host: string
  readonly port: number
}): Promise<SpoilingProxy> {
  const spoiler = await startSpoilingProxy(target)
  onTestFinished(() => spoiler.close())
  return spoiler
}
