import { expect, onTestFinished, test } from 'vitest'

import { createArrivals } from '../../packages/core/src/notifier/fan-out/arrivals.ts'
import { createControlChannel } from '../../packages/core/src/notifier/rights/control-channel.ts'
import { createControl, type RightsListener } from '../../packages/core/src/notifier/rights/control.ts'
import { createKeys } from '../../packages/core/src/redis/keys.ts'
import type { Runtime } from '../../packages/core/src/redis/penknife.ts'
import type { Listener as Followed } from '../../packages/core/src/redis/subscriber.ts'
import { deferred, type Deferred } from '../support/deferred.ts'
import { nextTurn, until } from '../support/until.ts'

// What Redis and the network would have to do at just the wrong moment, a control channel experiences here.

/** A control channel whose reads the test answers, and the calls of its only listener. */
async function listening() {
  let subscription!: Followed
  const reads: { readonly position: unknown; readonly reply: Deferred<string[]> }[] = []
  /** Each script by its name; reading the history waits for the test. */
  const ports: Record<string, (...args: unknown[]) => Promise<unknown>> = {
    'notifier/top': async () => '7-1-aaaaaa',
    async 'notifier/since'(_route, _history, _next, position) {
      const reply = deferred<string[]>()
      reads.push({ position, reply })
      return reply.promise
    },
  }
  const runtime = {
    keys: createKeys('shop', { keyPrefix: '', db: 0 }),
    deadlineMs: 1000,
    bind: ({ name }: { readonly name: string }) => ports[name],
    subscriber: {
      follow(_route: unknown, _channel: unknown, listener: Followed) {
        subscription = listener
        queueMicrotask(() => listener.followed())
        return () => {}
      },
    },
    onClose: () => () => {},
  }
  const channel = createControlChannel('main', runtime as unknown as Runtime, createArrivals(), () => {})
  const control = createControl(channel, runtime.deadlineMs)
  const calls: string[] = []
  const listener: RightsListener = {
    user: 'ann',
    revoked: (channels) => calls.push(`revoked ${channels?.join(' ')}`),
    lost: () => calls.push('lost'),
    incomplete: () => calls.push('incomplete'),
    complete: () => calls.push('complete'),
  }
  await control.join(listener)
  onTestFinished(() => control.leave(listener))
  return { control, subscription, reads, calls }
}

test('revocations that were read before the channel is followed again do not count as complete', async () => {
  const { control, subscription, reads, calls } = await listening()
  expect([calls, control.complete]).toEqual([['complete'], true])
  subscription.interrupted?.()
  subscription.followed()
  await until('it reads', () => reads.length === 1)
  // Interrupted again while the reply is on its way.
  subscription.interrupted?.()
  reads[0]!.reply.resolve(['ok', '7-1-aaaaaa'])
  await nextTurn()
  expect([calls, control.complete]).toEqual([['complete', 'incomplete'], false])
  subscription.followed()
  await until('it reads again', () => reads.length === 2)
  // A live revocation is delivered at once, before every later event.
  subscription.message('7-3-cccccc\nrevoke\n{"user":"ann"}')
  expect(calls).toEqual(['complete', 'incomplete', 'revoked undefined'])
  const kept = ['7-2-bbbbbb', '', 'revoke', '{"user":"ann","channels":["a"]}']
  reads[1]!.reply.resolve(['ok', '7-2-bbbbbb', kept] as string[])
  await until('it is complete again', () => control.complete)
  expect(calls.slice(2)).toEqual(['revoked undefined', 'revoked a', 'revoked undefined', 'complete'])
})

test('a revocation that arrives before the channel is followed again hides none that a failover lost', async () => {
  const { subscription, reads, calls } = await listening()
  subscription.interrupted?.()
  // Another server has other revocations at the offsets 1 and 2; this one would seem to be the next.
  subscription.message('7-2-bbbbbb\nrevoke\n{"user":"bob"}')
  subscription.followed()
  await until('it reads', () => reads.length === 1)
  expect(reads[0]!.position).toBe('7-1-aaaaaa')
  reads[0]!.reply.resolve(['lost', '7-2-bbbbbb'])
  await until('the listener knows', () => calls.includes('lost'))
})
