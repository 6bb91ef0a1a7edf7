import { connect, type ConnectOptions, type Connection, type Penknife, PenknifeError } from '@penknife/core'
import { afterAll, beforeAll, onTestFinished } from 'vitest'

import { until } from './until.ts'

const BY_DEFAULT = process.env['PENKNIFE_WORKERS'] === 'shared' ? 'shared' : 'own'

/** Over which connections the workers of the tests get their entries. `PENKNIFE_WORKERS=shared`: they share connections. */
export const workers: { connection: 'own' | 'shared' } = { connection: BY_DEFAULT }

/** The workers of the tests of a file share connections. */
export function shareConnections(): void {
  beforeAll(() => void (workers.connection = 'shared'))
  afterAll(() => void (workers.connection = BY_DEFAULT))
}

/** For claims about a worker with a connection of its own. */
export const ownConnection = (): boolean => workers.connection === 'own'

/** penknife for one test, closed after it. */
export function open(connection: Connection, options: ConnectOptions = {}): Penknife {
  const penknife = connect(connection, { workerConnection: workers.connection, ...options })
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
