import type { Contender, Peer } from '../harness/bench.ts'
import { connection, pattern, SETUPS } from '../harness/connections.ts'
import { coreOf } from '../harness/library.ts'
import { channelOf, eventOf } from './task.ts'

const CHANNELS = 100

export const publishing: Contender = {
  setup: 'default',
  commands: ['evalsha', 'eval'],
  async open(url, ops, library) {
    const { connect, createNotifier } = await coreOf(library)
    const penknife = connect(pattern(url, library), { deadline: '10s' })
    const notifier = createNotifier(penknife.space('bench'), 'main')
    return {
      expected: ops,
      async call(at) {
        await notifier.publish(channelOf(at % CHANNELS), eventOf(at))
        return 1
      },
      close: () => penknife.close(),
    }
  },
}

/** Without a history: it sends to current listeners, and stores nothing. */
export const rawPublish: Peer = {
  name: 'raw PUBLISH',
  setups: SETUPS.map((setup) => ({
    setup,
    commands: ['publish'],
    async open(url, ops) {
      const redis = await connection(url, setup)
      return {
        expected: ops,
        async call(at) {
          await redis.publish(channelOf(at % CHANNELS), JSON.stringify(eventOf(at)))
          return 1
        },
        async close() {
          redis.disconnect()
        },
      }
    },
  })),
}
