import { NeverRetryError, RetryAfterError, type WorkerOptions } from '@penknife/core'
import { describe, expect, test, vi } from 'vitest'

import { openOrders } from '../support/orders.ts'
import { useRedis } from '../support/redis.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

/** What becomes of an entry whose handler throws that. */
async function outcomeOf(error: unknown, options: WorkerOptions = {}): Promise<number | string> {
  const stream = await openOrders(bench)
  const { worker, of, events } = startWorker(
    stream,
    'billing',
    () => {
      throw error
    },
    {
      retryDelay: '10s',
      retryJitter: 0,
      ...options,
    },
  )
  await stream.add(0)
  await new Promise<void>((resolve) => {
    const isEnd = (kind: string): boolean => kind === 'retrying' || kind === 'dead'
    if (events.some(({ kind }) => isEnd(kind))) resolve()
    worker.on(({ kind }) => isEnd(kind) && resolve())
  })
  await worker.close({ deadline: 0 })
  const [dead] = of('dead')
  return dead ? dead.why : (of('retrying')[0]?.delayMs as number)
}

describe('RetryAfterError', () => {
  test.each([
    ['a duration', '45s', 45_000],
    ['seconds of a header', '120', 120_000],
    ['more than maxRetryDelay', '2h', 7_200_000],
    ['a date that has passed', 'Wed, 21 Oct 2015 07:28:00 GMT', 0],
    ['a very long wait', '99999999999', 366 * 86_400_000],
  ] as const)('%s is the wait before the next attempt', async (_, after, ms) => {
    expect(await outcomeOf(new RetryAfterError('busy', after))).toBe(ms)
  })

  test('a date is compared with the clock of the process', () => {
    const { retryAfterMs } = new RetryAfterError('busy', new Date(Date.now() + 60_000).toUTCString())
    expect(retryAfterMs).toBeGreaterThan(50_000)
    expect(retryAfterMs).toBeLessThanOrEqual(60_000)
  })

  test('counts as the cause of another error, and jitter is added, because many may have got the same time', async () => {
    const error = new Error('mail failed', { cause: new RetryAfterError('busy', '100s') })
    expect(await outcomeOf(error)).toBe(100_000)
    const wait = await outcomeOf(error, { retryJitter: 1 })
    expect(wait).toBeGreaterThan(100_000)
  })

  test('uses up an attempt', async () => {
    expect(await outcomeOf(new RetryAfterError('busy', 0), { maxAttempts: 1 })).toBe('failed')
  })

  test.each([['soon'], [null], [undefined], [-5], ['-5'], [Number.NaN], [{}]])('refuses %s', (after) => {
    expect(() => new RetryAfterError('busy', after as string)).toThrow(/after is/)
  })
})

describe('the option retry', () => {
  const timeout = new Error('timeout')

  test('decides by the error and the attempt', async () => {
    const seen: unknown[] = []
    const retry = (error: unknown, attempt: number): false => {
      seen.push(error, attempt)
      return false
    }
    expect(await outcomeOf(timeout, { retry })).toBe('never-retry')
    expect(seen).toEqual([timeout, 1])
  })

  test('may give the wait, above maxRetryDelay and without jitter', async () => {
    expect(await outcomeOf(timeout, { retry: () => '3h', retryJitter: 1 })).toBe(3 * 3_600_000)
    expect(await outcomeOf(timeout, { retry: () => 0 })).toBe(0)
  })

  test('leaves the usual wait with undefined, also that of a RetryAfterError', async () => {
    const retry = (): undefined => undefined
    expect(await outcomeOf(timeout, { retry })).toBe(10_000)
    expect(await outcomeOf(new RetryAfterError('busy', '45s'), { retry })).toBe(45_000)
  })

  test('is not asked after the last attempt or a NeverRetryError', async () => {
    const retry = (): number => expect.fail('asked')
    expect(await outcomeOf(timeout, { retry, maxAttempts: 1 })).toBe('failed')
    expect(await outcomeOf(new NeverRetryError('no'), { retry })).toBe('never-retry')
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('bug')
      },
    ],
    ['is async', () => Promise.reject(new Error('bug'))],
    ['answers text', () => 'later'],
    ['answers null', () => null],
    ['answers true', () => true],
  ])('that %s is reported, and the usual wait is used', async (_, retry) => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    expect(await outcomeOf(timeout, { retry: retry as () => false })).toBe(10_000)
    const texts = warned.mock.calls.map(([text]) => String(text))
    warned.mockRestore()
    expect(texts.join()).toContain('the retry function of a worker failed')
  })

  test('is refused when it is no function', async () => {
    const stream = await openOrders(bench)
    expect(() => stream.worker('billing', () => {}, { retry: 5 as unknown as () => false })).toThrow(
      /retry is 5/,
    )
  })
})
