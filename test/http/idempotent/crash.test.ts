import { call, type Called } from '@penknife/http/testkit'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'

import { bundledProgram, type RunningProgram, runProgram } from '../../support/program.ts'
import { ownRedis, useRedis } from '../../support/redis.ts'
import { LONG, until } from '../../support/until.ts'
import { KEY } from './kit.ts'

// Servers that are killed and frozen, each a process of its own.

const bench = useRedis()

const FRAMEWORKS = ['express', 'koa', 'node'] as const
type Framework = (typeof FRAMEWORKS)[number]

/** A process with a server of each framework. */
interface Server extends AsyncDisposable {
  readonly program: RunningProgram
  readonly urls: Readonly<Record<Framework, string>>
}

async function serve(env: Readonly<Record<string, string>> = {}): Promise<Server> {
  const program = runProgram(bundledProgram('paying-server'), { REDIS: bench.server.url, ...env })
  const urls = JSON.parse((await program.printed(/serves .*/)).slice('serves '.length)) as Server['urls']
  return { program, urls, [Symbol.asyncDispose]: () => program.kill() }
}

/** One that no test kills. */
let other: Server
beforeAll(async () => {
  other = await serve()
})
afterAll(() => other?.[Symbol.asyncDispose]())

function pay({ urls }: Server, framework: Framework, order: string): Promise<Called> {
  return call(`${urls[framework]}/orders/${order}`, { method: 'POST', headers: { 'Idempotency-Key': KEY } })
}

/** The first answer that is no 409. */
async function paid(server: Server, framework: Framework, order: string): Promise<Called> {
  let answer = await pay(server, framework, order)
  await until('the claim of the dead process is over', async () => {
    answer = await pay(server, framework, order)
    return answer.status !== 409
  })
  return answer
}

/** When the claim of the only request in progress ends, in microseconds; see lua/_lib/guard/claiming.lua. */
async function endOfClaim(): Promise<number> {
  for (const key of await bench.raw.keys('*')) {
    const record = await bench.raw.get(key).catch(() => null)
    const [, end] = /^c (\d+) /.exec(record ?? '') ?? []
    if (end !== undefined) return Number(end)
  }
  throw new Error('no request is in progress')
}

const charges = async (order: string): Promise<number> => Number(await bench.raw.get(`charges:${order}`))
const go = (order: string): Promise<unknown> => bench.raw.set(`go:${order}`, 1)

test('killed while the handler runs: held off for the lease, then a repetition runs it on another server', async () => {
  await using first = await serve()
  const lost = FRAMEWORKS.map((framework) => pay(first, framework, framework).catch(() => 'lost'))
  for (const framework of FRAMEWORKS) await first.program.printed(new RegExp(`charging ${framework}`))
  await first.program.kill('SIGKILL')
  expect(await Promise.all(lost)).toEqual(['lost', 'lost', 'lost'])
  for (const framework of FRAMEWORKS) expect((await pay(other, framework, framework)).status).toBe(409)
  await Promise.all(FRAMEWORKS.map(go))
  for (const framework of FRAMEWORKS) {
    const answer = await paid(other, framework, framework)
    expect(answer).toMatchObject({ status: 200, text: `charge 2 by ${other.program.pid}` })
    expect(await pay(other, framework, framework)).toMatchObject({ text: answer.text })
    expect(await charges(framework)).toBe(2)
  }
})

test('killed after the response was stored, before it was sent: a repetition gets it and runs nothing', async () => {
  await using first = await serve({ HOLD: '1' })
  await Promise.all(FRAMEWORKS.map(go))
  const lost = FRAMEWORKS.map((framework) => pay(first, framework, framework).catch(() => 'lost'))
  await first.program.printed(/(stored[^]*){3}/)
  await first.program.kill('SIGKILL')
  expect(await Promise.all(lost)).toEqual(['lost', 'lost', 'lost'])
  for (const framework of FRAMEWORKS) {
    const answer = await pay(other, framework, framework)
    expect(answer).toMatchObject({ status: 200, text: `charge 1 by ${first.program.pid}` })
    expect(answer.headers['idempotent-replayed']).toBe('true')
    expect(await charges(framework)).toBe(1)
  }
})

test('the claim of a handler that takes longer than the lease is renewed', async () => {
  const slow = pay(other, 'node', 'slow')
  await other.program.printed(/charging slow/)
  const end = await endOfClaim()
  await until('the claim ends later', async () => (await endOfClaim()) > end)
  expect((await pay(other, 'node', 'slow')).status).toBe(409)
  await go('slow')
  expect((await slow).text).toBe(`charge 1 by ${other.program.pid}`)
  expect(await charges('slow')).toBe(1)
})

test('a frozen server whose claim was taken over does not replace the response of the other', async () => {
  await using frozen = await serve()
  const late = pay(frozen, 'node', 'a')
  await frozen.program.printed(/charging a/)
  process.kill(frozen.program.pid, 'SIGSTOP')
  await go('a')
  const answer = await paid(other, 'node', 'a')
  process.kill(frozen.program.pid, 'SIGCONT')
  expect((await late).text).toBe(`charge 1 by ${frozen.program.pid}`)
  expect(answer.text).toBe(`charge 2 by ${other.program.pid}`)
  for (const server of [frozen, other]) {
    const again = await pay(server, 'node', 'a')
    expect([again.text, again.headers['idempotent-replayed']]).toEqual([answer.text, 'true'])
  }
})

test('servers that are killed again and again: every client gets one response, and no charge without a kill is doubled', async () => {
  const rounds = LONG ? 40 : 2
  let kills = 0
  let server = await serve()
  try {
    for (let round = 0; round < rounds; round++) {
      const orders = Array.from({ length: 20 }, (_, at) => `${round}-${at}`)
      await Promise.all(orders.map(go))
      const first = Promise.all(orders.map((order) => pay(server, 'express', order).catch(() => undefined)))
      const dying = server
      server = await serve()
      await Promise.race([first, dying.program.printed(new RegExp(`charging ${round}-5`))])
      await dying.program.kill('SIGKILL')
      kills++
      const seen = await first
      const answers = await Promise.all(orders.map((order) => paid(server, 'express', order)))
      for (const [at, order] of orders.entries()) {
        const before = seen[at]
        // A response that a client has is the one that everybody gets.
        if (before?.status === 200) expect(answers[at]?.text).toBe(before.text)
        expect(await charges(order)).toBeLessThanOrEqual(2)
        expect(answers[at]?.status).toBe(200)
      }
    }
    expect(kills).toBe(rounds)
  } finally {
    await server.program.kill()
  }
}, 120_000)

test('Redis is killed with every write on disk: responses that clients have are replayed, claims end with their lease', async () => {
  const redis = await ownRedis({ persist: true })
  const env = { REDIS: redis.url }
  await using server = await serve(env)
  const raw = new Redis(redis.url)
  raw.on('error', () => {})
  onTestFinished(() => raw.disconnect())
  await raw.set('go:a', 1)
  const first = await pay(server, 'node', 'a')
  const running = pay(server, 'node', 'b')
  await server.program.printed(/charging b/)
  await redis.kill()
  expect((await pay(server, 'node', 'a')).status).toBe(503)
  await redis.start()
  await until('Redis is back', async () => (await pay(server, 'node', 'a')).status !== 503)
  const again = await pay(server, 'node', 'a')
  expect([again.text, again.headers['idempotent-replayed']]).toEqual([first.text, 'true'])
  expect(await raw.get('charges:a')).toBe('1')
  await raw.set('go:b', 1)
  expect((await running).status).toBe(200)
  expect(await pay(server, 'node', 'b')).toMatchObject({ status: 200, text: (await running).text })
}, 60_000)
