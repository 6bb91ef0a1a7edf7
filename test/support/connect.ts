import { connect, type ConnectOptions, type Connection, type Penknife, PenknifeError } from '@penknife/core'
import { onTestFinished } from 'vitest'

import { until } from './until.ts'

/** penknife for one test, closed after it. */
export function open(connection: Connection, options: ConnectOptions = {}): Penknife {
  const penknife = connect(connection, options)
  onTestFinished(() => penknife.close())
  return penknife
}

/** As `open`, once its connection is there. */
export async function openReady(connection: Connection, options: ConnectOptions = {}): Promise<Penknife> {
  const penknife = open(connection, options)
  await available(penknife)
  return penknife
}

/** Resolves when Redis answers penknife. */
export async function available(penknife: Penknife): Promise<void> {
  await until('Redis answers', async () => (await penknife.health()).status !== 'unavailable')
}

/** The error that a call fails with; fails when the call succeeds or throws anything else. */
export async function failure(call: Promise<unknown>): Promise<PenknifeError> {
  const outcome = await call.then(
    (value) => new Error(`the call succeeded with ${JSON.stringify(value)}`),
    (error: unknown) => error,
  )
  if (outcome instanceof PenknifeError) return outcome
  throw outcome
}
