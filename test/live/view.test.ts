import { live, PenknifeError } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { View } from '../../packages/core/src/live/view.ts'
import { until } from '../support/until.ts'
import { watch } from './watched.ts'

test('a change that is noticed during a read causes one more read', async () => {
  let changed = (): void => {}
  const answers: ((value: string) => void)[] = []
  const view = new View<string>({
    title: 'a view',
    read: () => new Promise((resolve) => answers.push(resolve)),
    changes: {
      follow(listener, reliable) {
        changed = () => listener('')
        reliable(true)
        return () => {}
      },
    },
    everyMs: 20,
    tickMs: 3_600_000,
  })
  const { is } = watch(view)
  await until('it reads', () => answers.length === 1)
  changed()
  answers[0]?.('before the change')
  await until('it reads again', () => answers.length === 2)
  answers[1]?.('after it')
  await until('the change', () => is('after it'))
})

test('a read that fails is made again, though every change is noticed', async () => {
  let changed = (): void => {}
  let reads = 0
  const view = new View<number>({
    title: 'a view',
    read: () => {
      reads += 1
      if (reads === 2) throw new PenknifeError('PENKNIFE_TIMEOUT', 'on purpose')
      return reads
    },
    changes: {
      follow(listener, reliable) {
        changed = () => listener('')
        reliable(true)
        return () => {}
      },
    },
    everyMs: 1,
    tickMs: 3_600_000,
  })
  const { is } = watch(view)
  await until('the state', () => is(1))
  changed()
  await until('the value after the failure', () => is(3))
})

test('an object that the application goes on to change is a new value after each change', async () => {
  const stock = { seats: 2 }
  const rows = [
    { member: 'a', seats: 1 },
    { member: 'b', seats: 1 },
  ]
  const seen = watch(live({ read: () => stock, every: 20 }))
  const list = watch(live({ read: () => [...rows], every: 20 }))
  await until('the states', () => seen.pictures.length + list.pictures.length === 2)
  stock.seats = 1
  ;(rows[0] as { seats: number }).seats = 0
  await until('the changes', () => seen.pictures.length + list.pictures.length === 4)
  expect(seen.pictures).toEqual([{ seats: 2 }, { seats: 1 }])
  expect(list.pictures[1]).toEqual([
    { member: 'a', seats: 0 },
    { member: 'b', seats: 1 },
  ])
})

test('nothing is null, as in JSON; what JSON cannot represent is reported, and later values follow', async () => {
  let value: unknown = 1
  const view = live({ read: () => value, every: 20 })
  const { pictures } = watch(view)
  await until('the state', () => pictures.length === 1)
  value = undefined
  await until('nothing', () => pictures.length === 2)
  const faults: string[] = []
  const note = ({ message }: Error): unknown => faults.push(message)
  process.on('warning', note)
  onTestFinished(() => void process.off('warning', note))
  value = 10n
  await until('a report', () => faults.some((text) => text.includes('a live view cannot be read')))
  value = 2
  await until('the next value', () => pictures.length === 3)
  expect(pictures).toEqual([1, null, 2])
  expect(await live({ read: () => undefined }).value()).toBeNull()
})
