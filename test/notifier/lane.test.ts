import { expect, test } from 'vitest'

import { type History, Lane } from '../../packages/core/src/notifier/lane.ts'
import { type LiveEvent, parseLive } from '../../packages/core/src/notifier/messages.ts'
import { toStretch } from '../../packages/core/src/notifier/pages.ts'
import type { Reply } from '../../packages/core/src/redis/script.ts'
import type { NotifierEvent } from '@penknife/core'
import { numbers } from '../support/channels.ts'
import { nextTurn, until } from '../support/until.ts'

// What Redis and the network would have to do at just the wrong moment, a lane is told to have happened.

/** A history of which only the reading matters. */
function historyOf(
  since: (position: string, count: number, cancelled: () => boolean) => Promise<Reply[]>,
): History {
  return {
    since: async (...asked) => toStretch('room', await since(...asked)),
    top: () => Promise.reject(new Error('nobody asks')),
    end: () => Promise.reject(new Error('nobody asks')),
  }
}

const id = (offset: number): string => (offset === 0 ? '7-0' : `7-${offset}-aaaaaa`)

const live = (at: number): LiveEvent => parseLive('room', `${id(at)}\nm\n0`)!

const kept = (at: number): [string, string, string, string] => [id(at), '', 'm', '0']

test('a lane that fell behind by more than it buffers goes live while events keep coming', async () => {
  let top = 0
  let reads = 0
  const delivered: NotifierEvent[] = []
  const lane = new Lane('room', historyOf(read), {
    from: id(0),
    deliver: (event) => delivered.push(event),
  })
  function publish(count: number): void {
    for (const end = top + count; top < end;) lane.push([live(++top)])
  }
  async function read(position: string, count: number): Promise<[string, string, ...string[][]]> {
    reads += 1
    const from = Number(position.split('-')[1])
    const reply = numbers(Math.min(count, top - from), from + 1).map(kept)
    const end = id(top)
    // While the reply travels a crowd comes, then one event for each read.
    publish(reads === 1 ? 2500 : 1)
    await nextTurn()
    return ['ok', end, ...reply]
  }
  await lane.begin()
  await until('it is live', () => lane.live)
  publish(3)
  expect(lane.live).toBe(true)
  expect(delivered.map((event) => event.id)).toEqual(numbers(top, 1).map(id))
  expect(reads).toBeLessThan(30)
})

test('a catch-up asked for while another is under way reads again', async () => {
  let top = 1
  const go: (() => void)[] = []
  const delivered: (string | null)[] = []
  const lane = new Lane(
    'room',
    historyOf(async (position) => {
      const from = Number(position.split('-')[1])
      const end = top
      await new Promise<void>((resolve) => go.push(resolve))
      return ['ok', id(end), ...numbers(end - from, from + 1).map(kept)]
    }),
    {
      from: id(0),
      deliver: (event) => delivered.push(event.id),
    },
  )
  const begun = lane.begin()
  await until('it reads', () => go.length === 1)
  // Kept, and told to nobody.
  top = 2
  lane.keepUp()
  go[0]!()
  await begun
  await until('it reads again', () => go.length === 2)
  go[1]!()
  await until('it is live', () => lane.live)
  expect(delivered).toEqual([id(1), id(2)])
})

test('a lane whose reading failed tries again, and delivers in order what came live meanwhile', async () => {
  let fails = 2
  const delivered: (string | null)[] = []
  const lane = new Lane(
    'room',
    historyOf(async (position) => {
      if (fails-- > 0) throw new Error('away')
      const from = Number(position.split('-')[1])
      return ['ok', id(3), ...numbers(3 - from, from + 1).map(kept)]
    }),
    {
      from: id(0),
      deliver: (event) => delivered.push(event.id),
    },
  )
  lane.keepUp()
  lane.push([live(3)])
  lane.push([live(4)])
  await until('it is live', () => lane.live)
  lane.push([live(5)])
  expect(delivered).toEqual(numbers(5, 1).map(id))
})
