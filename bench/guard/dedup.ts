import type { Contender, Peer } from '../harness/bench.ts'
import { connection, pattern, SETUPS } from '../harness/connections.ts'
import { coreOf } from '../harness/library.ts'

/** Every id twice, half a round apart. */
const idOf = (at: number, ops: number): string => `mail-${at % Math.ceil(ops / 2)}`
const WINDOW_MS = 3_600_000

export const deduper: Contender = {
  setup: 'default',
  commands: ['evalsha', 'eval'],
  async open(url, ops, library) {
    const core = await coreOf(library)
    const client = core.connect(pattern(url, library), { deadline: '5s' })
    const mails = core.createDeduper(client.space('bench'), 'mails', { window: WINDOW_MS })
    return {
      expected: Math.ceil(ops / 2),
      call: async (at) => ((await mails.claim(idOf(at, ops))) ? 1 : 0),
      close: () => client.close(),
    }
  },
}

export const rawSet: Peer = {
  name: 'raw SET NX PX',
  setups: SETUPS.map((setup) => ({
    setup,
    commands: ['set'],
    async open(url, ops) {
      const redis = await connection(url, setup)
      return {
        expected: Math.ceil(ops / 2),
        call: async (at) => ((await redis.set(idOf(at, ops), '1', 'PX', WINDOW_MS, 'NX')) === 'OK' ? 1 : 0),
        close: async () => redis.disconnect(),
      }
    },
  })),
}
