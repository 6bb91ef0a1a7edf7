import { createStream } from '@penknife/core'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { freePort } from '../../scripts/redis/ports.ts'
import { type PrivateRedis, startRedis } from '../../scripts/redis/server.ts'
import type { Clicked, State } from '../../examples/demo/app.ts'
import { openReady } from '../support/connect.ts'
import { freeze, pattern } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { ask, endsAll, health, json, listen, newVisitor, type RunningDemo, startDemo } from './demo.ts'

describe.each([
  { name: 'Express', args: [] },
  { name: 'Koa', args: ['--koa'] },
])('the demo on $name', ({ name, args }) => {
  // Every test has visitors of its own.
  let redis: PrivateRedis
  let raw: Redis
  let demo: RunningDemo
  const start = (): Promise<RunningDemo> => startDemo(args, { redisUrl: redis.url, forOneTest: false })
  beforeAll(async () => {
    redis = await startRedis({ persist: true })
    raw = new Redis(redis.socket)
    demo = await start()
  })
  afterAll(async () => {
    await demo.end('SIGKILL')
    raw.disconnect()
    await redis.stop()
  })

  test('serves its page and names its framework', async () => {
    expect(demo.greeting).toContain(`on ${name}`)
    expect(demo.greeting).toContain('from PENKNIFE_REDIS_URL')
    const page = await fetch(demo.url)
    expect(page.headers.get('content-type')).toContain('text/html')
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'")
    const html = await page.text()
    for (const [, path] of html.matchAll(/(?:src|href)="(\/[^"]+)"/g)) {
      expect([path, (await fetch(`${demo.url}${path}`)).status]).toEqual([path, 200])
    }
    for (const [, path] of html.matchAll(/href="(\/docs\/[^"]+)"/g)) {
      expect((await fetch(`${demo.url}${path}`)).headers.get('content-type')).toContain('text/plain')
    }
    // Only the page itself is a request that its log shows.
    const { log } = await json<State>(ask(demo, 'GET /state', newVisitor()))
    expect(log.filter(({ path }) => /\.(js|css|svg)$/.test(path))).toEqual([])
    const missing = await fetch(`${demo.url}/../package.json`)
    expect([missing.status, missing.headers.get('content-type')]).toEqual([
      404,
      expect.stringContaining('problem+json'),
    ])
  })

  test('leads a click through limiter, stream, leaderboard, worker and notification', async () => {
    const visitor = newVisitor()
    const events = await listen(demo, visitor)
    const response = await ask(demo, 'POST /clicks', visitor, { name: 'Ann' })
    expect(response.status).toBe(201)
    expect(response.headers.get('ratelimit')).toMatch(/^"burst";r=9;t=\d, "steady";r=99;t=\d$/)
    const { entry, score, me } = (await response.json()) as Clicked
    expect([score, me?.name]).toEqual([1, 'Ann'])

    const badge = await events.find('the badge', ({ type }) => type === 'badge')
    expect(badge.data).toEqual({ id: 'blade', tool: 'blade', entry })
    const handled = await events.find('the worker', ({ type }) => type === 'handled')
    expect(handled.data).toMatchObject({ entry, attempt: 1, badges: [badge.data] })
    await events.find(
      'the board',
      ({ type, data }) => type === 'change' && JSON.stringify(data).includes('"Ann"'),
    )
    await events.find(
      'the log',
      ({ type, data }) => type === 'log' && data['path'] === '/clicks' && data['status'] === 201,
    )

    const state = await json<State>(ask(demo, 'GET /state', visitor))
    expect(state).toMatchObject({ me: { score: 1, name: 'Ann' }, badges: [{ id: 'blade', entry }] })
    expect(state.rows.map((row) => row.name)).toContain('Ann')
    expect(state.log.some(({ path, status }) => path === '/clicks' && status === 201)).toBe(true)
    const [added] = await raw.xrange('pk1:{demo}:stream:clicks', entry, entry)
    expect(added?.[1]).toEqual(['d', JSON.stringify({ member: state.member })])
  })

  test('stops only the visitor who clicked too fast, for the seconds in its answer', async () => {
    const visitor = newVisitor()
    let passed = 0
    let response = await ask(demo, 'POST /clicks', visitor)
    for (; response.status === 201 && passed < 50; passed++)
      response = await ask(demo, 'POST /clicks', visitor)
    expect(response.status).toBe(429)
    expect(passed).toBeGreaterThanOrEqual(10)
    expect(Number(response.headers.get('retry-after'))).toSatisfy((seconds) => seconds === 1 || seconds === 2)
    expect(await response.json()).toMatchObject({ status: 429, 'violated-policies': ['burst'] })
    // A denied click changes nothing, and a call with cost 0 takes nothing.
    const state = await json<State>(ask(demo, 'GET /state', visitor))
    expect(state.me?.score).toBe(passed)
    expect((await ask(demo, 'POST /clicks', newVisitor())).status).toBe(201)
  })

  test('sends a page that was away its badge when it reconnects', async () => {
    const visitor = newVisitor()
    const before = await listen(demo, visitor)
    before.close()
    const { entry } = await json<Clicked>(ask(demo, 'POST /clicks', visitor))
    await until('the badge is awarded', async () => {
      return (await json<State>(ask(demo, 'GET /state', visitor))).badges.length === 1
    })
    const after = await listen(demo, visitor, before.lastId())
    const badge = await after.find('the badge', ({ type }) => type === 'badge')
    expect(badge.data['entry']).toBe(entry)
    const again = await listen(demo, visitor, badge.id)
    await ask(demo, 'GET /state', visitor)
    await again.find('a sign of life', ({ type }) => type === 'log')
    expect(again.seen.filter(({ type }) => type === 'badge')).toEqual([])
  })

  test('killed with -9 and started again, continues where it was', async () => {
    const visitor = newVisitor()
    const events = await listen(demo, visitor)
    await ask(demo, 'POST /clicks', visitor, { name: 'Bob' })
    const badge = await events.find('the first badge', ({ type }) => type === 'badge')
    // Else its worker may die before it has finished the click, and the next one repeats the badge's event.
    await until('the click is finished', async () => {
      const [pending] = (await raw.xpending('pk1:{demo}:stream:clicks', 'badges')) as [number]
      return pending === 0
    })
    await demo.end('SIGKILL')

    // What another server adds in the meantime waits for the worker of the next one.
    const member = memberOf(badge.id)
    const penknife = await openReady(pattern(redis.url))
    const clicks = createStream(penknife.space('demo'), 'clicks', { groups: ['badges'] })
    for (let n = 2; n <= 10; n++) await clicks.add({ member })

    demo = await start()
    const resumed = await listen(demo, visitor, events.lastId())
    const second = await resumed.find('the badge of ten clicks', ({ data }) => data['tool'] === 'corkscrew')
    expect(second.id).not.toBe(badge.id)
    expect(resumed.seen.some(({ type, data }) => type === 'reset' || data['tool'] === 'blade')).toBe(false)
    const state = await json<State>(ask(demo, 'GET /state', visitor))
    expect(state.me).toMatchObject({ name: 'Bob', score: 1 })
    expect(state.badges.map(({ tool }) => tool)).toEqual(expect.arrayContaining(['blade', 'corkscrew']))
  })

  test('reports that Redis is away, allows no click, and continues when it is back', async () => {
    const visitor = newVisitor()
    expect((await ask(demo, 'POST /clicks', visitor)).status).toBe(201)
    freeze(redis)
    const refused = await ask(demo, 'POST /clicks', visitor)
    expect(refused.status).toBe(503)
    expect(refused.headers.get('content-type')).toContain('problem+json')
    expect(await health(demo.url)).toBe('unavailable')
    expect((await fetch(demo.url)).status).toBe(200)
    redis.thaw()
    await until('Redis is back', async () => (await ask(demo, 'POST /clicks', visitor)).status === 201)
    expect(await health(demo.url)).toBe('ok')
  })

  test('refuses malformed visitors, and shows names as bounded text', async () => {
    for (const visitor of ['', 'short', '../../etc/passwd-and-more', 'x'.repeat(65)]) {
      for (const request of ['POST /clicks', 'GET /state', 'GET /events', 'PUT /name']) {
        expect([request, visitor, (await ask(demo, request, visitor)).status]).toEqual([
          request,
          visitor,
          400,
        ])
      }
    }
    const visitor = newVisitor()
    const hostile = `\u202e<b onclick=x>\u0000 ${'ü'.repeat(500)}`
    const { me } = await json<Clicked>(ask(demo, 'POST /clicks', visitor, { name: hostile }))
    expect(me?.name).toBe(`<b onclick=x> ${'ü'.repeat(10)}`)
    expect(await json<Clicked>(ask(demo, 'PUT /name', visitor, { name: '   ' }))).toMatchObject({ me })
    expect(JSON.stringify(await json<State>(ask(demo, 'GET /state', newVisitor())))).not.toContain(visitor)
  })
})

test('a killed demo keeps its scores for the next one on its port; Ctrl-C ends that, its private Redis and its data', async () => {
  const port = String(await freePort(false))
  const demo = await startDemo(['--port', port])
  const visitor = newVisitor()
  expect((await ask(demo, 'POST /clicks', visitor, { name: 'Ann' })).status).toBe(201)
  await demo.end('SIGKILL')

  const next = await startDemo(['--port', port])
  expect(next.greeting).toContain('with the scores of the demo that was killed')
  const state = await json<State>(ask(next, 'GET /state', visitor))
  expect(state.me).toMatchObject({ name: 'Ann', score: 1 })
  await endsAll(next, 1)
}, 60_000)

test('a killed private Redis can be started again from the page, with all confirmed writes; two times Ctrl-C ends all', async () => {
  const demo = await startDemo()
  const visitor = newVisitor()
  expect((await ask(demo, 'POST /redis', visitor)).status).toBe(409)
  expect((await ask(demo, 'POST /clicks', visitor)).status).toBe(201)
  process.kill(Number(/kill -9 (\d+) +kills Redis/.exec(demo.greeting)?.[1]), 'SIGKILL')
  await until('the page offers to start it', async () => {
    const { canRestart } = (await (await fetch(`${demo.url}/health`)).json()) as { canRestart: boolean }
    return canRestart
  })
  expect((await ask(demo, 'POST /redis', visitor)).status).toBe(200)
  await until('Redis is back', async () => (await health(demo.url)) === 'ok')
  expect((await json<State>(ask(demo, 'GET /state', visitor))).me?.score).toBe(1)
  await endsAll(demo, 2)
}, 60_000)

/** The visitor's public id, from the position in its own channel. */
function memberOf(eventId: string): string {
  const channel = [...new URLSearchParams(eventId).keys()].find((key) => key.startsWith('visitor.')) as string
  return channel.slice('visitor.'.length)
}
