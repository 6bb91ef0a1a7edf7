import type { PenknifeError, PenknifeEvent, Space } from '@penknife/core'
import { describe, expect, test } from 'vitest'

import { ReplyError } from '../../packages/core/src/redis/driver.ts'
import { failureOf } from '../../packages/core/src/redis/failures.ts'
import { send } from '../../scripts/redis/resp.ts'
import { failure, open, openReady } from '../support/connect.ts'
import { counters } from '../support/counters.ts'
import { ownRedis, pattern, useRedis } from '../support/redis.ts'
import { testScript } from '../support/scripts.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

const HEADER = `-- @batch 10
-- @item key counter   an integer
-- @item arg how       what to do
-- @returns integer    the new value
`

const fails = testScript<[], [key: string, how: string], number>(
  'test/fails',
  `--- Writes, or does not, and fails.
${HEADER}local function item(counter, how)
  if how == 'refused' then
    return redis.error_reply('ERR too large')
  elseif how == 'refused by Redis' then
    return redis.pcall('LPUSH', counter, 'x')
  end
  local value = redis.call('INCR', counter)
  if how == 'type' then
    redis.call('LPUSH', counter, 'x')
  elseif how == 'lua' then
    value = value + {}
  elseif how == 'text' then
    error('on purpose')
  elseif how == 'table' then
    error({ err = 'ERR on purpose' })
  end
  return value
end
`,
)

const reads = testScript<[], [key: string, how: string], number>(
  'test/reads',
  `--- Fails and writes nothing.
${HEADER.replace('-- @batch 10', '-- @batch 10\n-- @readonly')}local function item(counter, how)
  return redis.call('HGET', counter, how)
end
`,
)

function callIn({ runtime: { bind, keys } }: Space, script: typeof fails): (how: string) => Promise<number> {
  const port = bind(script, [], 5000)
  return (how) => port(keys.route, keys.leaderboard('a'), how)
}

describe.each([
  ['alone', 1],
  ['in a batch', 2],
])('a script that fails, called %s', (_, times) => {
  /** The error of each call of one tick. */
  async function errorsOf(script: typeof fails, how: string): Promise<PenknifeError> {
    const call = callIn((await openReady(pattern(bench.server.url))).space('shop'), script)
    const errors = await Promise.all(Array.from({ length: times }, () => failure(call(how))))
    return errors[0] as PenknifeError
  }

  test.each(['type', 'lua', 'text', 'table'])(
    'after its first write has an unknown fate: the writes stay (%s)',
    async (how) => {
      const error = await errorsOf(fails, how)
      expect(error).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'unknown' })
      expect(error.message).toMatch(/^test\/fails, key 'pk1:{shop}:board:a': the script failed in Redis/)
      expect(error.message).not.toMatch(/on @user_script/)
      expect(await bench.raw.get('pk1:{shop}:board:a')).toBe(String(times))
    },
  )

  test('by returning an error has refused before it wrote: not done', async () => {
    await bench.raw.set('pk1:{shop}:board:a', 5)
    expect(await errorsOf(fails, 'refused')).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'not-done' })
    const refused = await errorsOf(fails, 'refused by Redis')
    expect(refused).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'not-done' })
    expect(refused.message).toMatch(/Redis refused the call: WRONGTYPE/)
    expect(await bench.raw.get('pk1:{shop}:board:a')).toBe('5')
  })

  test('and only reads has done nothing', async () => {
    await bench.raw.set('pk1:{shop}:board:a', 5)
    expect(await errorsOf(reads, 'x')).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'not-done' })
  })
})

test('a key in an error is cut, and an emoji in it is not cut in two', async () => {
  const { runtime } = (await openReady(pattern(bench.server.url))).space('shop')
  const port = runtime.bind(fails, [], 5000)
  const key = `${runtime.keys.leaderboard('a')}${'x'.repeat(80)}${'😀'.repeat(40)}`
  const { message } = await failure(port(runtime.keys.route, key, 'type'))
  expect(message.length).toBeLessThan(300)
  expect(Buffer.from(message).toString()).toBe(message)
})

describe('a call that Redis refuses before the script begins is not done, and the error names the fix', () => {
  type Server = Awaited<ReturnType<typeof ownRedis>>
  test.each<[string, (server: Server) => Promise<unknown>]>([
    ['OOM', (server) => send(server, ['CONFIG', 'SET', 'maxmemory', '1'])],
    ['NOREPLICAS', (server) => send(server, ['CONFIG', 'SET', 'min-replicas-to-write', '1'])],
    ['NOPERM', (server) => send(server, ['ACL', 'SETUSER', 'default', '-evalsha', '-eval'])],
    ['READONLY', (server) => send(server, ['REPLICAOF', '127.0.0.1', String(bench.server.port)])],
    [
      'MASTERDOWN',
      async (server) => {
        await send(server, ['CONFIG', 'SET', 'replica-serve-stale-data', 'no'])
        await send(server, ['REPLICAOF', '127.0.0.1', '1'])
      },
    ],
    [
      'BUSY',
      async (server) => {
        await send(server, ['CONFIG', 'SET', 'busy-reply-threshold', '1'])
        const busy = send(server, ['EVAL', 'while true do end', '0']).catch(() => {})
        const code = (): Promise<string> => send(server, ['PING']).then(String, String)
        await until('it is busy', async () => /BUSY/.test(await code()))
        void busy
      },
    ],
    [
      'MISCONF',
      async (server) => {
        await send(server, ['CONFIG', 'SET', 'save', '1 1', 'dir', '/proc'])
        await send(server, ['BGSAVE']).catch(() => {})
        const info = (): Promise<string> => send(server, ['INFO', 'persistence']).then(String)
        await until('saving failed', async () => (await info()).includes('last_bgsave_status:err'))
      },
    ],
  ])('%s', async (code, prepare) => {
    const server = await ownRedis({ args: ['--enable-protected-configs', 'yes'] })
    const penknife = open(pattern(server.url))
    const events: PenknifeEvent[] = []
    penknife.on((event) => void events.push(event))
    const space = penknife.space('shop')
    await counters(space)('a')
    await prepare(server)
    // A replica refuses a script that writes by its flags.
    const call = code === 'MASTERDOWN' ? callIn(space, reads)('x') : counters(space)('a')
    const error = await failure(call)
    expect(error).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE', fate: 'not-done' })
    expect(error.message).toMatch(`Redis cannot serve the call now: ${code}`)
    // Not in silence, either.
    expect(events).toContainEqual({
      kind: 'refusing',
      call: expect.stringMatching(/^test\//),
      code,
      reason: expect.stringMatching(code),
    })
    const { status, reason, refused } = await penknife.health()
    expect(status).not.toBe('ok')
    expect(reason).toMatch(code)
    expect(refused).toMatchObject([{ code, batches: 1 }])
    await send(server, ['SCRIPT', 'KILL']).catch(() => {})
  })

  test('health is ok again once such a call is carried out, whatever becomes of others', async () => {
    const server = await ownRedis()
    const penknife = await openReady(pattern(server.url))
    const events: string[] = []
    penknife.on(({ kind }) => void events.push(kind))
    const space = penknife.space('shop')
    const count = counters(space)
    await send(server, ['CONFIG', 'SET', 'maxmemory', '1'])
    for (let nth = 0; nth < 3; nth++) await failure(count('a'))
    await callIn(space, reads)('x').catch(() => {})
    const { status, reason, refused } = await penknife.health()
    expect({ status, reason }).toEqual({
      status: 'degraded',
      reason: expect.stringMatching(/^Redis refuses test\/count-by: OOM/),
    })
    expect(refused).toMatchObject([{ call: 'test/count-by', code: 'OOM', batches: 3 }])
    expect(refused[0]!.sinceMs).toBeGreaterThanOrEqual(refused[0]!.lastMs)
    await send(server, ['CONFIG', 'SET', 'maxmemory', '0'])
    expect(await count('a')).toBe(1)
    expect(await penknife.health()).toMatchObject({ status: 'ok', reason: undefined, refused: [] })
    expect(events).toEqual(['refusing', 'accepting'])
  })
})

test.each([
  ['Redis 7 and 8', 'WRONGTYPE wrong kind script: 0a1b2c, on @user_script:5.'],
  ['Valkey 9', 'WRONGTYPE wrong kind script: on @user_script:5.'],
  ['a batch', 'WRONGTYPE wrong kind on @user_script'],
])(
  'an error that a script raised on %s has unknown fate, and its message does not have the place where it was raised',
  (_, text) => {
    const { fate, message } = failureOf('add', new ReplyError(text))
    expect(fate).toBe('unknown')
    expect(message).toBe(
      'add: the script failed in Redis: WRONGTYPE wrong kind; a part of the call may have been carried out',
    )
  },
)
