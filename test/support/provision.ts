import { findServer } from '../../packages/testing/src/server/find.ts'

/** Finds or fetches the Redis server once, before the test files do it side by side. */
export async function setup(): Promise<void> {
  const { kind, version } = await findServer()
  console.log(`tests run on ${kind} ${version}`)
}
