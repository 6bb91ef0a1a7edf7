import { expect, onTestFinished, test } from 'vitest'

import { bundledProgram, type RunningProgram, runProgram } from '../support/program.ts'
import { startProxy } from '../support/proxy.ts'
import { until } from '../support/until.ts'
import { useFeatures } from './setup.ts'
import { listen, type SseClient } from './sse.ts'

const features = useFeatures()

const CONNECTIONS = 'pk1:{test}:notify-connections:main:ann'

interface EventServer {
  readonly program: RunningProgram
  readonly url: string
  follow(user?: string): Promise<SseClient>
}

async function serve(redis: string = features.server.url): Promise<EventServer> {
  const program = runProgram(bundledProgram('event-server'), { REDIS: redis })
  onTestFinished(() => program.kill())
  const url = await program.printed(/http:\S+/)
  return {
    program,
    url,
    async follow(user = 'ann') {
      const client = await listen(`${url}/?user=${user}&channel=a&channel=b`)
      await client.positioned()
      return client
    },
  }
}

const reasons = (client: SseClient): unknown[] =>
  client.events.filter(({ type }) => type === 'closed').map(({ data }) => (data as { reason: string }).reason)

test('connections of a killed server do not count', async () => {
  const [first, second] = await Promise.all([serve(), serve()])
  const early = await second.follow()
  const lost = await first.follow()
  await first.program.kill()
  await until('its client noticed', () => lost.ended)
  // Two are counted, one of them of a killed process.
  expect(await features.raw.zcard(CONNECTIONS)).toBe(2)
  const late = await second.follow()
  await features.notifier().publish('a', 1)
  await Promise.all([early.has(1), late.has(1)])
  expect([early.ended, late.ended]).toEqual([false, false])
  expect(await features.raw.zcard(CONNECTIONS)).toBe(2)
  const third = await second.follow()
  await until('the oldest had to go', () => early.ended)
  expect(reasons(early)).toEqual(['connections'])
  expect([late.ended, third.ended]).toEqual([false, false])
  // A connection that is not renewed is gone a minute later.
  await second.program.kill()
  expect(await features.raw.pttl(CONNECTIONS)).toBeLessThanOrEqual(60_000)
})

test('the bound applies over two servers, in any order of connections', async () => {
  const servers = await Promise.all([serve(), serve()])
  const clients = await Promise.all(
    Array.from({ length: 20 }, (_, at) => listen(`${servers[at % 2]!.url}/?user=ben&channel=a`)),
  )
  await until('two are left', () => clients.filter(({ ended }) => !ended).length === 2)
  expect(await features.raw.zcard('pk1:{test}:notify-connections:main:ben')).toBe(2)
  await features.notifier().publish('a', 1)
  const left = clients.filter(({ ended }) => !ended)
  await Promise.all(left.map((client) => client.has(1)))
  expect(clients.filter((client) => reasons(client).length === 1)).toHaveLength(18)
})

test('a revocation made while a server is cut off from Redis reaches its clients afterwards', async () => {
  const proxy = await startProxy(features.server)
  const server = await serve(proxy.url)
  const client = await server.follow()
  const notifier = features.notifier()
  await notifier.publish('a', 1)
  await client.has(1)
  await proxy.leave()
  await notifier.revoke('ann', ['a'])
  await notifier.publish('a', 'secret')
  await notifier.publish('b', 2)
  await proxy.comeBack()
  await client.has(3)
  expect(client.events.map(({ type, data }) => [type, data])).toEqual([
    ['message', { channel: 'a', data: 1 }],
    ['revoked', { channel: 'a' }],
    ['message', { channel: 'b', data: 2 }],
  ])
})

test('a process that closes penknife sends its clients a time to reconnect, and frees their places', async () => {
  const server = await serve()
  const clients = [await server.follow(), await server.follow('ben')]
  await server.program.kill('SIGTERM')
  for (const client of clients) {
    await until('it ended', () => client.ended)
    expect(client.retries).toHaveLength(2)
    expect(reasons(client)).toEqual([])
  }
  expect(await features.raw.keys('pk1:{test}:notify-connections:*')).toEqual([])
})
