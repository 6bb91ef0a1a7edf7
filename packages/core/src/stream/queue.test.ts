import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { expect, test } from 'vitest'

import { createQueue } from './queue.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

test('a queue that is never empty keeps its order, and nothing that was taken out', async () => {
  const queue = createQueue<{ readonly at: number }>()
  const taken: WeakRef<object>[] = []
  queue.push({ at: 0 })
  for (let at = 1; at <= 2000; at++) {
    queue.push({ at })
    const value = queue.shift()
    expect(value?.at).toBe(at - 1)
    taken.push(new WeakRef(value as object))
    if (at % 1000 > 0) continue
    queue.unshift({ at: -1 })
    expect(queue.shift()?.at).toBe(-1)
  }
  await turn()
  collect()
  // The stack may still have the last one.
  expect(taken.filter((each) => each.deref()).length).toBeLessThan(3)
  expect([queue.size, queue.first?.at, queue.pop()?.at, queue.size]).toEqual([1, 2000, 2000, 0])
})
