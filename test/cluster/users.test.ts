import { createNotifier, type Notifier, type Space } from '@penknife/core'
import { expect, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { admit, type Guest } from '../support/members.ts'
import { clusterPattern, useCluster } from '../support/redis.ts'
import { moveSlot } from '../support/slots.ts'
import { masterOf, spacesOnAll } from '../support/spaces.ts'
import { until } from '../support/until.ts'

const bench = useCluster()

/** A notifier of a space in two processes. */
async function openTwice(
  count: number,
): Promise<{ readonly space: Space; readonly of: [Notifier, Notifier] }[]> {
  const [first, second] = await Promise.all([1, 2].map(() => openReady(clusterPattern(bench.cluster))))
  return spacesOnAll(first!)
    .slice(0, count)
    .map((space) => ({
      space,
      of: [createNotifier(space, 'main'), createNotifier(second!.space(space.name), 'main')],
    }))
}

const open = (guests: readonly Guest[]): boolean[] => guests.map(({ ended }) => ended === undefined)

test('rights end and connections are bounded in spaces on every master', async () => {
  for (const { of } of await openTwice(3)) {
    const guests: Guest[] = []
    for (let at = 0; at < 4; at++) guests.push(await admit(of[at % 2 ? 1 : 0], 'ann', 2))
    await until('the oldest were notified', () => open(guests).filter(Boolean).length === 2)
    expect(open(guests)).toEqual([false, false, true, true])
    await of[0].revoke('ann', ['a'])
    await until('both were notified', () => guests.slice(2).every(({ revoked }) => revoked.length === 1))
    for (const raw of bench.raws) await raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await of[1].revoke('ann')
    await until('both ended', () => open(guests).every((one) => !one))
  }
})

test('users of a slot that moves keep their rights and connections', async () => {
  const [{ space, of }] = (await openTwice(1)) as [{ space: Space; of: [Notifier, Notifier] }]
  const received: unknown[] = []
  const guests = [await admit(of[0], 'ann', 2), await admit(of[1], 'ann', 2)]
  await of[0].subscribe(['a', 'b'], {
    admission: guests[0]!.admission,
    onEvent: (event) => received.push(event.kind === 'message' ? event.data : event.kind),
  })
  const { slot } = space.runtime.keys.route
  await moveSlot(bench.cluster, bench.raws, slot, masterOf(slot), 1)
  await of[1].revoke('ann', ['a'])
  await of[1].publish('a', 'secret')
  await of[1].publish('b', 1)
  await until('it goes on', () => received.length === 1)
  expect([received, guests[0]!.revoked]).toEqual([[1], [['a']]])
  // A process whose channel has no subscriber counts as dead, and would notice it at its next renewal.
  await until('both processes are known', async () => {
    const followed = (await bench.raws[1]!.call('PUBSUB', 'SHARDCHANNELS', '*notify-process*')) as string[]
    return followed.length === 2
  })
  guests.push(await admit(of[1], 'ann', 2))
  await until('one had to go', () => open(guests).filter(Boolean).length === 2)
  expect(open(guests)).toEqual([false, true, true])
})
