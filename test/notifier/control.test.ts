import { expect, test } from 'vitest'

import { createControl, type Listener } from '../../packages/core/src/notifier/control.ts'
import { createKeys } from '../../packages/core/src/redis/keys.ts'
import type { Runtime } from '../../packages/core/src/redis/penknife.ts'
import type { Listener as Followed } from '../../packages/core/src/redis/subscriber.ts'
import { deferred, type Deferred } from '../support/deferred.ts'
import { nextTurn, until } from '../support/until.ts'

// What Redis and the network would have to do at just the wrong moment, a control channel is told to have happened.

test('what was read before the channel is followed again does not make sure that nothing was missed', async () => {
  let followed!: Followed
  const reads: Deferred<string[]>[] = []
  /** Each script by its name; reading the history waits for the test. */
  const ports: Record<string, () => Promise<unknown>> = {
    'notifier/top': async () => '7-1-aaaaaa',
    'notifier/since'() {
      const read = deferred<string[]>()
      reads.push(read)
      return read.promise
    },
  }
  const runtime = {
    keys: createKeys('shop', { keyPrefix: '', db: 0 }),
    deadlineMs: 1000,
    bind: ({ name }: { readonly name: string }) => ports[name],
    subscriber: {
      follow(_route: unknown, _channel: unknown, listener: Followed) {
        followed = listener
        queueMicrotask(() => listener.followed())
        return () => {}
      },
    },
    onClose: () => () => {},
  }
  const control = createControl('main', runtime as unknown as Runtime, () => {})
  const told: string[] = []
  const listener: Listener = {
    user: 'ann',
    revoked: (channels) => told.push(`revoked ${channels?.join(' ')}`),
    lost: () => told.push('lost'),
    unsure: () => told.push('unsure'),
    sure: () => told.push('sure'),
  }
  await control.join(listener)
  expect([told, control.sure]).toEqual([['sure'], true])
  followed.interrupted?.()
  followed.followed()
  await until('it reads', () => reads.length === 1)
  // Cut off again while the answer is on its way.
  followed.interrupted?.()
  reads[0]!.resolve(['ok', '7-1-aaaaaa'])
  await nextTurn()
  expect([told, control.sure]).toEqual([['sure', 'unsure'], false])
  followed.followed()
  await until('it reads again', () => reads.length === 2)
  // Live it is told at once, before any event that comes after it.
  followed.message('7-3-cccccc\nrevoke\n{"user":"ann"}')
  expect(told).toEqual(['sure', 'unsure', 'revoked undefined'])
  const kept = ['7-2-bbbbbb', '', 'revoke', '{"user":"ann","channels":["a"]}']
  reads[1]!.resolve(['ok', '7-2-bbbbbb', kept] as string[])
  await until('it is sure again', () => control.sure)
  expect(told.slice(2)).toEqual(['revoked undefined', 'revoked a', 'revoked undefined', 'sure'])
  control.leave(listener)
})
