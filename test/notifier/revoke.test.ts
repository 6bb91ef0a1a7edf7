import {
  type NotifierAdmission,
  createNotifier,
  type Notifier,
  type NotifierSubscription,
} from '@penknife/core'
import { expect, test } from 'vitest'

import { followers, openNotifier } from '../support/channels.ts'
import { failure, openReady } from '../support/connect.ts'
import { admit } from '../support/members.ts'
import { startProxy } from '../support/proxy.ts'
import { ownRedis, pattern, useRedis } from '../support/redis.ts'
import { nextTurn, until } from '../support/until.ts'

const bench = useRedis()

const CONTROL = 'pk1:{shop}:notify-control:main'
const CONTROL_LIVE = `${CONTROL}:live`

/** Follows channels by an admission. Records `<channel>:<data>`, and the kinds of other events. */
async function follow(notifier: Notifier, admission: NotifierAdmission, channels: readonly string[]) {
  const received: string[] = []
  const subscription: NotifierSubscription = await notifier.subscribe(channels, {
    admission,
    onEvent: (event) =>
      received.push(`${event.channel}:${event.kind === 'message' ? String(event.data) : event.kind}`),
  })
  return { subscription, received }
}

test('a revocation ends the rights to its channels only, of its user only, in every process', async () => {
  const [here, there] = [await openNotifier(bench), await openNotifier(bench)]
  const guests = [await admit(here, 'ann'), await admit(there, 'ann'), await admit(there, 'bob')]
  const follows = [
    await follow(here, guests[0]!.admission, ['a', 'b']),
    await follow(there, guests[1]!.admission, ['a', 'b']),
    await follow(there, guests[2]!.admission, ['a', 'b']),
  ]
  await here.publish('a', 1)
  await here.revoke('ann', ['a', 'other'])
  // Both arrived during the revocation, or after it.
  await here.publish('a', 2)
  await here.publish('b', 3)
  for (const { received } of follows) await until('the last one', () => received.includes('b:3'))
  expect(follows.map(({ received }) => received)).toEqual([
    ['a:1', 'b:3'],
    ['a:1', 'b:3'],
    ['a:1', 'a:2', 'b:3'],
  ])
  expect(guests.map(({ revoked }) => revoked)).toEqual([[['a', 'other']], [['a', 'other']], []])
  expect(Object.keys(follows[0]!.subscription.cursors())).toEqual(['b'])
  expect(guests.map(({ ended }) => ended)).toEqual([undefined, undefined, undefined])
})

test('revoking everything ends all connections of the user, and their subscriptions', async () => {
  const notifier = await openNotifier(bench)
  const guests = [await admit(notifier, 'ann'), await admit(notifier, 'ann'), await admit(notifier, 'bob')]
  const { received } = await follow(notifier, guests[0]!.admission, ['a'])
  const other = await follow(notifier, guests[2]!.admission, ['a'])
  await notifier.revoke('ann')
  await notifier.publish('a', 1)
  await until('bob got it', () => other.received.length === 1)
  expect(guests.map(({ ended }) => ended)).toEqual(['revoked', 'revoked', undefined])
  expect(received).toEqual([])
  // A subscription with an admission that has ended delivers nothing.
  const late = await follow(notifier, guests[0]!.admission, ['a'])
  expect(late.subscription.cursors()).toEqual({})
})

test('a process that was cut off reads a revocation before any event that was published after it', async () => {
  const proxy = await startProxy(bench.server)
  const penknife = await openReady(pattern(proxy.url), { deadline: 5000 })
  const notifier = createNotifier(penknife.space('shop'), 'main')
  const elsewhere = await openNotifier(bench)
  // Followed before there is any user: its subscription is acknowledged before that of the control channel.
  const anybody = await notifier.subscribe(['a'], { onEvent: () => {} })
  const guest = await admit(notifier, 'ann')
  const { received } = await follow(notifier, guest.admission, ['a', 'b'])
  await elsewhere.publish('a', 1)
  await until('it follows', () => received.length === 1)
  await proxy.leave()
  // More than a page of the history.
  for (let at = 0; at < 500; at++) await elsewhere.revoke(`other-${at}`, ['a'])
  await elsewhere.revoke('ann', ['a'])
  await elsewhere.publish('a', 2)
  await elsewhere.publish('b', 3)
  await proxy.comeBack()
  await until('it goes on', () => received.includes('b:3'))
  expect(received).toEqual(['a:1', 'b:3'])
  expect(guest.revoked).toEqual([['a']])
  await anybody.close()
})

test('pausing and an interruption do not undo each other', async () => {
  const proxy = await startProxy(bench.server)
  const penknife = await openReady(pattern(proxy.url), { deadline: 5000 })
  const notifier = createNotifier(penknife.space('shop'), 'main')
  const elsewhere = await openNotifier(bench)
  const guest = await admit(notifier, 'ann')
  const { subscription, received } = await follow(notifier, guest.admission, ['a'])
  const free = await follow(notifier, (await admit(notifier, 'bob')).admission, ['a'])
  subscription.pause()
  proxy.cut()
  await elsewhere.publish('a', 1)
  await until('others go on', () => free.received.length === 1)
  expect(received).toEqual([])
  subscription.resume()
  await until('it goes on', () => received.length === 1)
})

test('when Redis loses its data every admission ends, so that rights are looked up again', async () => {
  const server = await ownRedis()
  const notifier = await openNotifier({ server })
  // Without any revocation the loss must be noticed too, because a lost revocation leaves no trace.
  const guest = await admit(notifier, 'ann')
  const raw = bench.raw.duplicate({ path: server.socket })
  await until('the history has begun', async () => (await raw.exists(CONTROL)) === 1)
  raw.disconnect()
  await server.restart()
  await until('it ended', () => guest.ended !== undefined)
  expect(guest.ended).toBe('lost')
  expect((await admit(notifier, 'ann')).ended).toBeUndefined()
})

test('no revocation is missed between the look-up of rights and the subscription', async () => {
  const [here, there] = [await openNotifier(bench), await openNotifier(bench)]
  const outcomes = new Set<string>()
  for (let round = 0; round < 80; round++) {
    let allowed = true
    async function connect(): Promise<string> {
      for (let turn = 0; turn < round % 7; turn++) await nextTurn()
      const guest = await admit(here, 'ann')
      const may = allowed
      const { subscription } = await follow(here, guest.admission, ['a'])
      following = true
      await until('the revocation came', () => revoked)
      await here.publish('mark', round)
      await until('it is over', () => !may || Object.keys(subscription.cursors()).length === 0)
      void guest.admission.close()
      return may ? 'reported' : 'refused'
    }
    let revoked = false
    let following = false
    async function revoke(): Promise<void> {
      for (let turn = 0; turn < round % 11; turn++) await nextTurn()
      // However slow the connection is, some revocations come after it.
      if (round % 10 === 9) await until('it follows', () => following)
      allowed = false
      await there.revoke('ann', ['a'])
      revoked = true
    }
    const [outcome] = await Promise.all([connect(), revoke()])
    outcomes.add(outcome)
  }
  expect([...outcomes].toSorted()).toEqual(['refused', 'reported'])
})

test('an admission whose user is revoked while it begins ends at once', async () => {
  const notifier = await openNotifier(bench)
  const ends: unknown[] = []
  for (let round = 0; round < 10; round++) {
    const [guest] = await Promise.all([admit(notifier, 'ann'), notifier.revoke('ann')])
    ends.push(guest.ended)
    const { subscription } = await follow(notifier, guest.admission, ['a'])
    if (guest.ended) expect(subscription.cursors()).toEqual({})
    void guest.admission.close()
  }
  expect(ends).toContain('revoked')
})

test('an admission fails with the reason why the revocations cannot be read', async () => {
  const notifier = await openNotifier(bench)
  await bench.raw.set(CONTROL, 'x')
  const error = await failure(notifier.admit('ann', { onRevoked: () => {}, onEnd: () => {} }))
  expect(error).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'not-done' })
  expect(error.message).toMatch(/notify-control:main.*WRONGTYPE/)
  await bench.raw.del(CONTROL)
  expect((await admit(notifier, 'ann')).ended).toBeUndefined()
})

test('an admission does not follow a channel that was revoked since it began', async () => {
  const notifier = await openNotifier(bench)
  const guest = await admit(notifier, 'ann')
  await notifier.revoke('ann', ['a'])
  await until('it was notified', () => guest.revoked.length === 1)
  const { subscription } = await follow(notifier, guest.admission, ['a', 'b'])
  expect(Object.keys(subscription.cursors())).toEqual(['b'])
  const anew = await admit(notifier, 'ann')
  const again = await follow(notifier, anew.admission, ['a', 'b'])
  expect(Object.keys(again.subscription.cursors())).toEqual(['a', 'b'])
})

test('a process follows the control channel only while it has users', async () => {
  const notifier = await openNotifier(bench)
  const guests = [await admit(notifier, 'ann'), await admit(notifier, 'bob')]
  expect(await followers(bench.raw, CONTROL_LIVE)).toBe(1)
  await guests[0]!.admission.close()
  expect(await followers(bench.raw, CONTROL_LIVE)).toBe(1)
  await guests[1]!.admission.close()
  await until('it is let go', async () => (await followers(bench.raw, CONTROL_LIVE)) === 0)
  const again = await admit(notifier, 'ann')
  await notifier.revoke('ann')
  await until('it ended', () => again.ended === 'revoked')
  await until('it is let go again', async () => (await followers(bench.raw, CONTROL_LIVE)) === 0)
})

test('no channel of an application has the key of the control channel', async () => {
  const notifier = await openNotifier(bench)
  const guest = await admit(notifier, 'ann')
  for (const channel of ['control', 'main', ':live', 'notify-control:main', '']) {
    await notifier.publish(channel || 'x', { user: 'ann' }, { type: 'revoke' })
  }
  await notifier.revoke('bob')
  await notifier.revoke('ann', ['mark'])
  await until('the last', () => guest.revoked.length === 1)
  expect(guest.ended).toBeUndefined()
})

test('wrong input is refused before anything is sent', async () => {
  const notifier = await openNotifier(bench)
  const options = { onRevoked: () => {}, onEnd: () => {} }
  const wrong = [
    [notifier.revoke(''), /user is "": give 1 to 256 characters/],
    [notifier.revoke('x'.repeat(257)), /user is "x{60}"… \(257 characters\)/],
    [notifier.revoke('ann', []), /channels is an array: give a list of 1 to 100 channels, or leave it out/],
    [notifier.revoke('ann', ['a\n']), /channel is "a\\n"/],
    [notifier.admit('a\u0000', options), /user is/],
    [notifier.admit('ann', { onRevoked: () => {} } as never), /onEnd is undefined: give a function/],
    [notifier.admit('ann', { ...options, limit: 3 } as never), /admit option 'limit'/],
  ] as const
  for (const [call, message] of wrong) {
    const error = await failure(call)
    expect(error).toMatchObject({ code: 'PENKNIFE_INVALID' })
    expect(error.message).toMatch(message)
  }
  const guest = await admit(notifier, 'ann')
  for (const most of [0, 101, 1.5]) {
    expect((await failure(guest.admission.limit(most))).message).toMatch(/most is .*: give a whole number/)
  }
  const other = await openNotifier(bench)
  const strange = other.subscribe(['a'], { admission: guest.admission, onEvent: () => {} })
  expect((await failure(strange)).message).toMatch(
    /admission is an object: give an admission of the same notifier/,
  )
  expect(await bench.raw.exists(CONTROL)).toBeLessThanOrEqual(1)
})

test('an admission fails without Redis, and nothing stays followed', async () => {
  const proxy = await startProxy(bench.server)
  const penknife = await openReady(pattern(proxy.url), { deadline: 200 })
  const notifier = createNotifier(penknife.space('shop'), 'main')
  await proxy.leave()
  expect(await failure(admit(notifier, 'ann'))).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE' })
  await proxy.comeBack()
  await until('it is back', async () => (await penknife.health()).status === 'ok')
  expect(await followers(bench.raw, CONTROL_LIVE)).toBe(0)
  const guest = await admit(notifier, 'ann')
  await notifier.revoke('ann')
  await until('it ended', () => guest.ended === 'revoked')
})
