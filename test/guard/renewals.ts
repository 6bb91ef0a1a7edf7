import { until } from '../support/until.ts'

/** Waits until a lease was renewed for so many milliseconds; `endUs` reads when it ends in Redis. */
export async function renewedFor(ms: number, endUs: () => Promise<number>): Promise<void> {
  const first = await endUs()
  await until(`it was renewed for ${ms} ms`, async () => (await endUs()) >= first + ms * 1000)
}
