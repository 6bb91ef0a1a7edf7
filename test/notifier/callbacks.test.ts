import { expect, onTestFinished, test } from 'vitest'

import { record, openNotifier } from '../support/channels.ts'
import { admit } from '../support/members.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

/** The texts of the process warnings of this test. */
function warningsFromNow(): readonly string[] {
  const received: string[] = []
  const noting = ({ message }: Error): unknown => received.push(message)
  process.on('warning', noting)
  onTestFinished(() => void process.off('warning', noting))
  return received
}

const fail = (what: string): never => {
  throw new Error(`${what} is broken`)
}

const WAYS: readonly [way: string, broken: (what: string) => () => void][] = [
  ['throws', (what) => () => fail(what)],
  ['rejects', (what) => async () => fail(what)],
  [
    'throws what is no Error',
    (what) => () => {
      throw `${what} is broken`
    },
  ],
]

test.each(WAYS)('a callback that %s is reported, and everything continues', async (_way, broken) => {
  const warnings = warningsFromNow()
  const notifier = await openNotifier(bench)
  let received = 0
  await notifier.subscribe(['room'], {
    onEvent() {
      received += 1
      return broken('onEvent')()
    },
  })
  await notifier.subscribe(['room'], {
    audience: { onEvent: broken('audience') },
    onAudience: broken('onAudience'),
    onEvent: () => {},
  })
  await notifier.listen(['*'], { onEvent: broken('listen') })
  const guest = { onRevoked: broken('onRevoked'), onEnd: broken('onEnd') }
  const admission = await notifier.admit('ann', guest)
  await notifier.subscribe(['room'], { admission, onEvent: () => {} })
  const other = await admit(notifier, 'ann')
  const sound = await record(notifier)

  await notifier.publish('room', 1)
  await notifier.nudge('room', 2)
  await notifier.revoke('ann', ['room'])
  await notifier.revoke('ann')
  await notifier.publish('room', 3)
  await sound.received(3)
  expect(sound.data()).toEqual([1, 2, 3])
  await until('the broken listener got all', () => received === 3)
  expect([other.revoked, other.ended]).toEqual([[['room']], 'revoked'])
  for (const what of ['onEvent', 'audience', 'onAudience', 'listen', 'onRevoked', 'onEnd']) {
    await until(`${what} is reported`, () => warnings.some((text) => text.includes(`${what} is broken`)))
  }
})
