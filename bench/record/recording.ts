import type { Contender, Peer, Running } from '../harness/bench.ts'
import { connection, pattern, SETUPS, type Setup } from '../harness/connections.ts'
import { coreOf } from '../harness/library.ts'
import { jobOf } from '../stream/queue.ts'

/** What happens in each call: an entry, a score on three boards, an id to remember and a notification. */
const MEMBERS = 10_000
const BOARDS = ['day', 'week', 'all'] as const
const WINDOW_MS = 3_600_000
const memberOf = (at: number): string => `user-${(at * 7919) % MEMBERS}`
const channelOf = (at: number): string => `user:${at % 1000}`

export const recording: Contender = {
  setup: 'default',
  commands: ['evalsha', 'eval'],
  async open(url, ops, library) {
    const core = await coreOf(library)
    const client = core.connect(pattern(url, library), { deadline: '5s' })
    const space = client.space('bench')
    const jobs = core.createStream(space, 'jobs', { retain: { entries: 1_000_000 } })
    const [day, week, all] = BOARDS.map((name) => core.createLeaderboard(space, name)) as [
      ReturnType<typeof core.createLeaderboard>,
      ReturnType<typeof core.createLeaderboard>,
      ReturnType<typeof core.createLeaderboard>,
    ]
    const news = core.createNotifier(space, 'news')
    return {
      expected: ops,
      async call(at) {
        const member = memberOf(at)
        const answer = await core.record(
          space,
          { id: `job-${at}`, window: WINDOW_MS },
          jobs.adding(jobOf(at)),
          day.incrementing(member, 1),
          week.incrementing(member, 1),
          all.incrementing(member, 1),
          news.publishing(channelOf(at), { at }),
        )
        return answer.ok && !answer.repeated ? 1 : 0
      },
      close: () => client.close(),
    }
  },
}

type Connected = Awaited<ReturnType<typeof connection>>

function rawPeer(
  name: string,
  commands: readonly string[],
  call: (redis: Connected, at: number) => Promise<number>,
): Peer {
  return {
    name,
    setups: SETUPS.map((setup: Setup) => ({
      setup,
      commands,
      async open(url, ops): Promise<Running> {
        const redis = await connection(url, setup)
        return { expected: ops, call: (at) => call(redis, at), close: async () => redis.disconnect() }
      },
    })),
  }
}

const COMMANDS = ['set', 'xadd', 'zincrby', 'spublish']

/** Each change by itself, at once: not atomic. */
export const separate: Peer = rawPeer('separate', COMMANDS, async (redis, at) => {
  const member = memberOf(at)
  const history = `{bench}:news:${channelOf(at)}`
  const json = JSON.stringify({ at })
  const [first] = await Promise.all([
    redis.set(`{bench}:id:job-${at}`, '1', 'PX', WINDOW_MS, 'NX'),
    redis.xadd('{bench}:jobs', '*', 'd', JSON.stringify(jobOf(at))),
    ...BOARDS.map((board) => redis.zincrby(`{bench}:board:${board}`, 1, member)),
    redis.xadd(history, 'MAXLEN', '~', 1000, '*', 'd', json),
    redis.spublish(history, json),
  ])
  return first === 'OK' ? 1 : 0
})

/** All changes in one transaction: atomic, but it cannot refuse a known id. */
export const multi: Peer = rawPeer('multi', ['multi', 'exec', ...COMMANDS], async (redis, at) => {
  const member = memberOf(at)
  const history = `{bench}:news:${channelOf(at)}`
  const json = JSON.stringify({ at })
  const all = redis.multi()
  all.set(`{bench}:id:job-${at}`, '1', 'PX', WINDOW_MS, 'NX')
  all.xadd('{bench}:jobs', '*', 'd', JSON.stringify(jobOf(at)))
  for (const board of BOARDS) all.zincrby(`{bench}:board:${board}`, 1, member)
  all.xadd(history, 'MAXLEN', '~', 1000, '*', 'd', json)
  all.spublish(history, json)
  const replies = (await all.exec()) ?? []
  return replies[0]?.[1] === 'OK' ? 1 : 0
})

/** The least that a script call for each costs. */
export const script: Peer = rawPeer('raw EVALSHA', ['evalsha'], async (redis, at) =>
  Number(await redis.eval('return 1', 1, `{bench}:${at}`)),
)
