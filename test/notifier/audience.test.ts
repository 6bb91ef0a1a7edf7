import type { Notifier, NotifierSubscription } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { numbers, openNotifier, publishNumbers } from '../support/channels.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

interface Guest {
  subscription: NotifierSubscription
  inside: boolean
  /** The events that it got itself, and those that the audience got for it. */
  readonly own: unknown[]
  readonly all: unknown[]
}

/** Guests of one audience of `room`, and all events of the audience. */
async function gather(notifier: Notifier, count: number) {
  const guests: Guest[] = []
  const shared: unknown[] = []
  /** Called after each event of the audience. */
  const on = { event: (): void => {} }
  const audience = {
    onEvent(event: { readonly kind: string; readonly data?: unknown }): void {
      const what = event.kind === 'message' ? event.data : event.kind
      shared.push(what)
      for (const guest of guests) if (guest.inside) guest.all.push(what)
      on.event()
    },
  }
  async function join(): Promise<Guest> {
    const guest: Guest = { subscription: undefined as never, inside: false, own: [], all: [] }
    guests.push(guest)
    guest.subscription = await notifier.subscribe(['room'], {
      audience,
      onAudience: (inside) => (guest.inside = inside),
      onEvent(event) {
        const what = event.kind === 'message' ? event.data : event.kind
        guest.own.push(what)
        guest.all.push(what)
      },
    })
    onTestFinished(() => guest.subscription.close())
    return guest
  }
  for (let each = 0; each < count; each++) await join()
  await until('all are inside', () => guests.every(({ inside }) => inside))
  return { guests, shared, join, on }
}

test('an audience gets each event once for all subscriptions inside', async () => {
  const notifier = await openNotifier(bench)
  const { guests, shared } = await gather(notifier, 5)
  await publishNumbers(notifier, 20)
  await until('it was own', () => shared.length === 20)
  expect(shared).toEqual(numbers(20))
  for (const { own, all } of guests) expect([own, all]).toEqual([[], numbers(20)])
})

test('a subscription that paused continues from the audience’s position at that time, and joins again', async () => {
  const notifier = await openNotifier(bench)
  const { guests, shared } = await gather(notifier, 3)
  const [first, second] = guests as [Guest, Guest]
  await publishNumbers(notifier, 5)
  await until('it was own', () => shared.length === 5)
  first.subscription.pause()
  expect(first.inside).toBe(false)
  expect(first.subscription.cursors()).toEqual(second.subscription.cursors())
  await publishNumbers(notifier, 5, 5)
  await until('the others were own', () => shared.length === 10)
  expect(first.all).toEqual(numbers(5))
  first.subscription.resume()
  await until('it is inside again', () => first.inside)
  await publishNumbers(notifier, 5, 10)
  await until('it was own', () => shared.length === 15)
  for (const { all } of guests) expect(all).toEqual(numbers(15))
  expect(first.own).toEqual(numbers(5, 5))
})

test('a subscription that pauses within a burst has the events before, and gets the rest itself', async () => {
  const notifier = await openNotifier(bench)
  const { guests, shared, on } = await gather(notifier, 2)
  const [first, second] = guests as [Guest, Guest]
  on.event = () => {
    if (shared.length === 50) first.subscription.pause()
  }
  const ids = await publishNumbers(notifier, 100)
  await until('the other was own', () => shared.length === 100)
  expect(first.all).toEqual(numbers(50))
  expect(first.subscription.cursors()).toEqual({ room: ids[49] })
  first.subscription.resume()
  await until('it is inside again', () => first.inside)
  for (const { all } of [first, second]) expect(all).toEqual(numbers(100))
})

test('an audience gets one reset for lost history, and nothing twice after an interruption', async () => {
  const notifier = await openNotifier(bench)
  const { guests, shared } = await gather(notifier, 3)
  await publishNumbers(notifier, 3)
  await until('it was own', () => shared.length === 3)
  await bench.raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await publishNumbers(notifier, 3, 3)
  await until('it was own', () => shared.length === 6)
  await bench.raw.flushall()
  await bench.raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await until('they are own of the loss', () => shared.includes('reset'))
  await publishNumbers(notifier, 1, 6)
  await until('it was own', () => shared.includes(6))
  for (const { inside, all } of guests) {
    expect([inside, all]).toEqual([true, [...numbers(6), 'reset', 6]])
  }
})

test('a later subscription joins the group, and the last one to leave ends it', async () => {
  const notifier = await openNotifier(bench)
  const { guests, shared, join } = await gather(notifier, 2)
  await publishNumbers(notifier, 2)
  await until('it was own', () => shared.length === 2)
  const late = await join()
  await until('it is inside', () => late.inside)
  await notifier.nudge('room', 'psst')
  await until('it was own', () => shared.length === 3)
  expect(late.all).toEqual(['psst'])
  for (const { subscription } of guests) void subscription.close()
  await until('nobody follows', async () => {
    const followed = (await bench.raw.call('PUBSUB', 'SHARDCHANNELS')) as string[]
    return followed.length === 0
  })
})
