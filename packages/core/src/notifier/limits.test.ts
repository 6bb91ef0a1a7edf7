import { expect, test } from 'vitest'

import { limitReads, within } from './limits.ts'

const wanted = (): boolean => true
const unwanted = (): boolean => false

/** Reads that the test ends. Each resolves with its number. */
function reads(most: number) {
  const read = limitReads(most)
  const begun: string[] = []
  const ends: (() => void)[] = []
  return {
    begun,
    end: (at: number) => ends[at]?.(),
    ask: (name: string, still: () => boolean = wanted) =>
      read(name, still, () => {
        const number = begun.push(name)
        return new Promise<number>((resolve) => ends.push(() => resolve(number)))
      }),
  }
}

test('reads beyond the limit wait, in their order', async () => {
  const { begun, ask, end } = reads(2)
  const asked = ['a', 'b', 'c', 'd'].map((name) => ask(name))
  expect(begun).toEqual(['a', 'b'])
  end(1)
  expect(await asked[1]).toBe(2)
  await Promise.resolve()
  expect(begun).toEqual(['a', 'b', 'c'])
  end(0)
  end(2)
  await Promise.all([asked[0], asked[2]])
  await Promise.resolve()
  end(3)
  expect(await Promise.all(asked)).toEqual([1, 2, 3, 4])
})

test('a read that waits is one for all who ask for it; one under way is not shared, being too old', async () => {
  const { begun, ask, end } = reads(1)
  const first = ask('a')
  const waiting = [ask('a'), ask('a'), ask('a')]
  expect(begun).toEqual(['a'])
  end(0)
  await first
  await Promise.resolve()
  const late = ask('a')
  end(1)
  expect(await Promise.all(waiting)).toEqual([2, 2, 2])
  await Promise.resolve()
  end(2)
  expect(await late).toBe(3)
  expect(begun.length).toBe(3)
})

test('a read that nobody wants any more is not made; one that somebody wants is', async () => {
  const { begun, ask, end } = reads(1)
  const first = ask('a')
  const given = [ask('b', unwanted), ask('c', unwanted), ask('c')]
  end(0)
  await first
  expect(await given[0]).toBeUndefined()
  await Promise.resolve()
  end(1)
  expect(await Promise.all(given)).toEqual([undefined, 2, 2])
  expect(begun).toEqual(['a', 'c'])
})

test('a read that fails makes room for the next', async () => {
  const read = limitReads(1)
  const failed = read('a', wanted, () => Promise.reject(new Error('away')))
  const next = read('b', wanted, () => Promise.resolve(1))
  await expect(failed).rejects.toThrow('away')
  expect(await next).toBe(1)
})

test('the wait lasts as long as there is progress', async () => {
  const forever = new Promise<void>(() => {})
  let checks = 0
  await expect(within('subscribe', 1, forever, () => checks++)).rejects.toThrow('subscribe')
  expect(checks).toBe(6)
  let still = 0
  const same = (): number => Math.min(++still, 1)
  await expect(within('subscribe', 1, forever, same)).rejects.toThrow('subscribe')
  expect(still).toBe(2)
})
