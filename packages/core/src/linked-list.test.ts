import { expect, test } from 'vitest'

import { type Linked, LinkedList } from './linked-list.ts'

interface Item extends Linked<Item> {
  readonly name: string
}

const item = (name: string): Item => ({ name, before: undefined, after: undefined })
const names = (list: LinkedList<Item>): string =>
  list
    .toArray()
    .map(({ name }) => name)
    .join('')

test('items are in the order in which they were added, whichever were deleted and added again', () => {
  const list = new LinkedList<Item>()
  const [a, b, c, d] = [item('a'), item('b'), item('c'), item('d')] as const
  for (const each of [a, b, c, d]) list.add(each)
  expect(list.delete(b)).toBe(true)
  expect(list.delete(b)).toBe(false)
  expect(names(list)).toBe('acd')
  list.delete(a)
  list.add(a)
  expect(names(list)).toBe('cda')
  list.delete(a)
  list.add(b)
  expect(names(list)).toBe('cdb')
  for (const each of [d, c, b]) list.delete(each)
  expect([list.first, names(list), list.delete(item('e'))]).toEqual([undefined, '', false])
  list.add(c)
  expect(list.first).toBe(c)
})

test('an item that was deleted refers to no other', () => {
  const list = new LinkedList<Item>()
  const [a, b, c] = [item('a'), item('b'), item('c')] as const
  for (const each of [a, b, c]) list.add(each)
  list.delete(b)
  expect(b).toEqual(item('b'))
})
