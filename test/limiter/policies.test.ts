import { readFileSync } from 'node:fs'

import {
  createRateLimiter,
  type Penknife,
  type PenknifeEvent,
  type RateLimiter,
  type LimiterUnavailablePolicy,
} from '@penknife/core'
import { describe, expect, onTestFinished, test } from 'vitest'

import { documentedRights } from '../support/documented-user.ts'
import { failure, openReady } from '../support/connect.ts'
import { startProxy } from '../support/proxy.ts'
import { freeze, ownRedis, pattern, patternOf, useRedis } from '../support/redis.ts'
import { startSpoiler } from '../support/spoiler.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

interface Trouble {
  readonly penknife: Penknife
  /** From now on Redis does not decide; some of it must be done while calls are under way. */
  begin(limiter: RateLimiter): unknown
  end?(): Promise<unknown>
  /** The tested limiter. */
  readonly subject?: string
}

/** Every reason for which Redis does not decide, by the code that the policy `throw` throws. */
const TROUBLES: Readonly<Record<string, readonly [code: string, set: () => Promise<Trouble>]>> = {
  'Redis is full': [
    'PENKNIFE_UNAVAILABLE',
    async () => {
      const server = await ownRedis()
      const raw = patternOf('ioredis', server.url)
      onTestFinished(() => raw.disconnect())
      const penknife = await openReady(pattern(server.url))
      const end = () => raw.config('SET', 'maxmemory', 0)
      return { penknife, begin: () => raw.config('SET', 'maxmemory', 1), end }
    },
  ],
  'Redis lacks replicas': [
    'PENKNIFE_UNAVAILABLE',
    async () => {
      const server = await ownRedis()
      const raw = patternOf('ioredis', server.url)
      onTestFinished(() => raw.disconnect())
      const penknife = await openReady(pattern(server.url))
      const end = () => raw.config('SET', 'min-replicas-to-write', 0)
      return { penknife, begin: () => raw.config('SET', 'min-replicas-to-write', 1), end }
    },
  ],
  'its user may not run the script': [
    'PENKNIFE_UNAVAILABLE',
    async () => {
      await bench.raw.call('ACL', 'SETUSER', 'app', 'reset', ...documentedRights())
      const penknife = await openReady(pattern(bench.server.url, { username: 'app', password: 'secret' }))
      const change = (rights: string) => bench.raw.call('ACL', 'SETUSER', 'app', rights)
      return { penknife, begin: () => change('-evalsha'), end: () => change('+evalsha') }
    },
  ],
  'Redis is gone': [
    'PENKNIFE_UNAVAILABLE',
    async () => {
      const server = await ownRedis()
      const penknife = await openReady(pattern(server.url), { deadline: 200 })
      const begin = async (): Promise<void> => {
        await server.kill()
        // Else the first call finds out.
        await until('it is noticed', async () => (await penknife.health()).status === 'unavailable')
      }
      return { penknife, begin, end: () => server.start() }
    },
  ],
  'Redis does not answer': [
    'PENKNIFE_TIMEOUT',
    async () => {
      const server = await ownRedis()
      return {
        penknife: await openReady(pattern(server.url), { deadline: 200 }),
        begin: () => freeze(server),
      }
    },
  ],
  'the connection breaks': [
    'PENKNIFE_FATE_UNKNOWN',
    async () => {
      const proxy = await startProxy(bench.server)
      const begin = (): void => {
        const { received } = proxy
        proxy.swallowReplies()
        void until('the call arrived', () => proxy.received > received).then(() => {
          proxy.cut()
          proxy.pass({ only: 'new' })
        })
      }
      return { penknife: await openReady(pattern(proxy.url)), begin, end: async () => {} }
    },
  ],
  'too many calls wait': [
    'PENKNIFE_OVERLOADED',
    async () => {
      const server = await ownRedis()
      const penknife = await openReady(pattern(server.url), { maxPending: 1 })
      const begin = (limiter: RateLimiter): void => {
        server.freeze()
        void limiter.take('bob').catch(() => {})
      }
      return { penknife, begin, end: async () => server.thaw() }
    },
  ],
  'another program wrote to the key': [
    'PENKNIFE_REJECTED',
    async () => {
      const penknife = await openReady(pattern(bench.server.url))
      const begin = async (): Promise<void> => {
        for (const key of await bench.raw.keys('pk1:{shop/*:ann'))
          await bench.raw.multi().del(key).lpush(key, 'x').exec()
      }
      return { penknife, begin }
    },
  ],
  'replies are changed on the way': [
    'PENKNIFE_BAD_REPLY',
    async () => {
      const spoiler = await startSpoiler(bench.server)
      const begin = (): void => {
        spoiler.spoil = ([command]) => (command?.startsWith('eval') ? '+OK\r\n' : undefined)
      }
      return { penknife: await openReady(pattern(spoiler.url, { protocol: 2 })), begin }
    },
  ],
  'penknife was closed': [
    'PENKNIFE_CLOSED',
    async () => {
      const penknife = await openReady(pattern(bench.server.url))
      return { penknife, begin: () => penknife.close() }
    },
  ],
}

function troubleOf(name: string): Promise<Trouble> {
  const [, set] = TROUBLES[name] as (typeof TROUBLES)[string]
  return set()
}

function limiterIn(penknife: Penknife, whenUnavailable: LimiterUnavailablePolicy): RateLimiter {
  const rules = [{ name: 'r', limit: 100, window: '1h' }] as const
  const space = penknife.space('shop')
  return createRateLimiter(space, 'api', { rules, whenUnavailable, deadline: 300, denyCache: false })
}

function policyEvents(penknife: Penknife): PenknifeEvent[] {
  const events: PenknifeEvent[] = []
  penknife.on((event) => {
    if (event.kind === 'policy' || event.kind === 'decides') events.push(event)
  })
  return events
}

describe.each(Object.entries(TROUBLES))('where %s', (_, [code, set]) => {
  test('the policy decides, and an event and health report it', async () => {
    const { penknife, begin } = await set()
    const limiter = limiterIn(penknife, 'open')
    expect(await limiter.take('ann')).toMatchObject({ decidedBy: 'redis' })
    const events = policyEvents(penknife)
    await begin(limiter)
    expect(await limiter.take('ann')).toMatchObject({ allowed: true, decidedBy: 'policy' })
    const found = {
      space: 'shop',
      name: 'api',
      policy: 'open',
      code,
      reason: expect.any(String) as string,
    }
    const begun = events.filter((event) => event.kind === 'policy' && event.code === code)
    expect(begun).toEqual([{ kind: 'policy', ...found }])
    const { status, reason, policies } = await penknife.health()
    expect(policies).toContainEqual({
      ...found,
      decisions: expect.any(Number) as number,
      sinceMs: expect.any(Number) as number,
      lastMs: expect.any(Number) as number,
    })
    expect(status).not.toBe('ok')
    expect(reason).toBeTypeOf('string')
  })

  test('the policy throw throws, without an event', async () => {
    const { penknife, begin } = await set()
    const limiter = limiterIn(penknife, 'throw')
    await limiter.take('ann')
    const events = policyEvents(penknife)
    await begin(limiter)
    expect(await failure(limiter.take('ann'))).toMatchObject({ code })
    expect(events).toEqual([])
  })

  test('a process warning reports it once if there is no listener', async () => {
    const { penknife, begin } = await set()
    const warnings: string[] = []
    const note = ({ message }: Error): void => void warnings.push(message)
    process.on('warning', note)
    onTestFinished(() => void process.off('warning', note))
    const limiter = limiterIn(penknife, 'closed')
    await limiter.take('ann')
    await begin(limiter)
    for (let at = 0; at < 3; at++) await limiter.take('ann')
    const about = `limiter 'api' of space 'shop': its policy 'closed' decides, because Redis does not (${code})`
    await until('it warns', () => warnings.some((text) => text.startsWith(about)))
    expect(warnings.filter((text) => text.startsWith(about))).toHaveLength(1)
  })
})

test.each(['Redis is full', 'Redis is gone', 'the connection breaks'])(
  'once Redis decides again, an event says so and health is ok (where %s)',
  async (trouble) => {
    const { penknife, begin, end } = await troubleOf(trouble)
    const limiter = limiterIn(penknife, { local: { instances: 2 } })
    await limiter.take('ann')
    const events = policyEvents(penknife)
    await begin(limiter)
    expect(await limiter.take('ann')).toMatchObject({ decidedBy: 'local' })
    await end?.()
    await until('health is ok', async () => {
      await limiter.take('ann')
      return (await penknife.health()).status === 'ok'
    })
    expect((await penknife.health()).policies).toEqual([])
    expect(events.at(0)).toMatchObject({ kind: 'policy', policy: 'local' })
    expect(events.at(-1)).toEqual({ kind: 'decides', space: 'shop', name: 'api' })
  },
)

test('calls for other subjects do not end the report of a key that cannot be read', async () => {
  const { penknife, begin } = await troubleOf('another program wrote to the key')
  const limiter = limiterIn(penknife, 'open')
  await limiter.take('ann')
  const events = policyEvents(penknife)
  await begin(limiter)
  for (let at = 0; at < 5; at++) {
    expect((await limiter.take('ann')).decidedBy).toBe('policy')
    expect((await limiter.take('bob')).decidedBy).toBe('redis')
  }
  expect(events).toHaveLength(1)
  expect((await penknife.health()).policies).toMatchObject([{ code: 'PENKNIFE_REJECTED', decisions: 5 }])
})

test('the docs list every reason, and a wrong argument is none of them', () => {
  const docs = readFileSync(new URL('../../docs/rate-limiting.md', import.meta.url), 'utf8')
  const [, table = ''] = /The same policy answers whatever the reason is:\n\n([\s\S]*?)\n\n/.exec(docs) ?? []
  const listed = [...table.matchAll(/^\| `(PENKNIFE_\w+)`/gm)].map(([, code = '']) => code)
  const reasons = new Set(Object.values(TROUBLES).map(([code]) => code))
  expect(listed.toSorted()).toEqual([...reasons, 'PENKNIFE_INVALID'].toSorted())
})
