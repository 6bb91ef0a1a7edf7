import { type Leaderboard, type LeaderboardOptions, PenknifeError } from '@penknife/core'
import type { LeaderboardRouteOptions } from '@penknife/http'
import { leaderboardPlugin } from '@penknife/http/adapter'
import { call, type Called } from '@penknife/http/testkit'
import { describe, expect, test } from 'vitest'

import { callsOf } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { frameworks } from './frameworks.ts'
import { start, useFeatures } from './setup.ts'

const features = useFeatures()

const WINDOWS = {
  windows: { all: 'all-time', month: { calendar: 'month', previous: 2 } },
} as const satisfies LeaderboardOptions
const SCORES = { ann: 50, bob: 40, cem: 40, dee: 20, 'żółw /?#': 10 }

/** A board with five members, and the address of its routes on a framework. */
async function serve(
  adapter: (typeof frameworks)[number],
  options: LeaderboardRouteOptions = {},
  boardOptions: LeaderboardOptions = {},
): Promise<{ board: Leaderboard; url: string; errors: readonly unknown[] }> {
  const board = features.leaderboard(boardOptions)
  await Promise.all(Object.entries(SCORES).map(([member, score]) => board.increment(member, score)))
  const { url, errors } = await start(adapter, [leaderboardPlugin.setup(board, options)])
  return { board, url: `${url}${options.path ?? '/leaderboard'}`, errors }
}

const json = ({ text }: Called): unknown => JSON.parse(text)
const ranks = (answer: Called): unknown =>
  (json(answer) as { rows: { member: string; rank: number }[] }).rows.map(
    ({ member, rank }) => `${rank} ${member}`,
  )

const WRONG: readonly (readonly [path: string, detail: RegExp])[] = [
  ['top?count=0', /count: a whole number from 1 to 100/],
  ['top?count=101', /count/],
  ['top?count=1e1', /count/],
  ['top?count=', /count/],
  ['top?count=-1', /count/],
  [`top?count=${'9'.repeat(5000)}`, /count/],
  ['top?from=0', /from: a whole number from 1/],
  ['top?from=1.5', /from/],
  ['around/ann?each=26', /each: a whole number from 0 to 25/],
  ['around/ann?each=x', /each/],
  ['top?window=month', /window: one of all/],
  ['top?window=__proto__', /window/],
  ['top?previous=-1', /previous/],
  ['top?previous=1', /previous/],
  ['top?previous=9999', /previous/],
  ['rank/%ff', /percent-encoded/],
  ['rank/%', /percent-encoded/],
  ['rank/%7Bann%7D', /member/],
  ['rank/%00', /member/],
  [`around/${'x'.repeat(257)}`, /member/],
]

describe.each(frameworks)('leaderboard on $name', (adapter) => {
  test('top, around and rank are JSON', async () => {
    const { url } = await serve(adapter)
    const top = await call(`${url}/top?count=2`)
    expect([top.status, top.headers['content-type']]).toEqual([200, 'application/json; charset=utf-8'])
    expect(json(top)).toEqual({
      window: 'all',
      rows: [
        { member: 'ann', score: 50, rank: 1 },
        { member: 'bob', score: 40, rank: 2 },
      ],
    })
    expect(ranks(await call(`${url}/top?count=2&from=3`))).toEqual(['3 cem', '4 dee'])
    expect(ranks(await call(`${url}/around/bob?each=1`))).toEqual(['1 ann', '2 bob', '3 cem'])
    expect(json(await call(`${url}/rank/cem`))).toEqual({
      window: 'all',
      row: { member: 'cem', score: 40, rank: 3 },
    })
  })

  test('a client that has the current answer gets 304 and no body, until the board changes', async () => {
    const { url, board } = await serve(adapter, { maxAge: 0 })
    for (const path of ['top', 'around/ann', 'rank/ann']) {
      const first = await call(`${url}/${path}`)
      const etag = String(first.headers.etag)
      expect(first.headers['cache-control']).toBe('no-cache')
      for (const tags of [etag, `"other", ${etag}`, '*', etag.slice(2)]) {
        const again = await call(`${url}/${path}`, { headers: { 'if-none-match': tags } })
        expect([again.status, again.text, again.headers.etag]).toEqual([304, '', etag])
        expect(again.headers['content-length']).toBeUndefined()
      }
      await board.increment('ann')
      const changed = await call(`${url}/${path}`, { headers: { 'if-none-match': etag } })
      expect([changed.status, changed.headers.etag === etag]).toEqual([200, false])
    }
  })

  test('HEAD answers as GET does, without the body', async () => {
    const { url } = await serve(adapter)
    const { headers } = await call(`${url}/top`)
    const head = await call(`${url}/top`, { method: 'HEAD' })
    expect([head.status, head.text]).toEqual([200, ''])
    expect([head.headers.etag, head.headers['content-length']]).toEqual([
      headers.etag,
      headers['content-length'],
    ])
  })

  test('other paths and other methods are passed to the application', async () => {
    const { url, errors } = await serve(adapter)
    const root = url.slice(0, -'/leaderboard'.length)
    expect((await call(`${root}/items/7`)).text).toBe('{"id":"7"}')
    for (const path of [
      '',
      '/',
      '/top/',
      '/top/1',
      '/rank',
      '/rank/',
      '/rank/ann/x',
      '/bottom',
      's/top',
      '/around',
    ])
      expect([path, (await call(`${url}${path}`)).status]).toEqual([path, 404])
    expect((await call(`${url}/top`, { method: 'POST' })).status).toBe(404)
    expect(errors).toEqual([])
  })

  test('a wrong path or query is 400 as problem+json', async () => {
    const { url, errors } = await serve(adapter, {}, WINDOWS)
    for (const [path, detail] of WRONG) {
      const answer = await call(`${url}/${path}`)
      expect([path, answer.status]).toEqual([path, 400])
      // Fastify refuses such a path itself, before any hook.
      if (adapter.name === 'Fastify' && /%$|%ff/.test(path)) continue
      expect([path, answer.headers['content-type']]).toEqual([path, 'application/problem+json'])
      expect([path, (json(answer) as { detail: string }).detail]).toEqual([
        path,
        expect.stringMatching(detail),
      ])
      expect([path, answer.text.length < 400]).toEqual([path, true])
    }
    expect(errors).toEqual([])
  })

  test('a member that is not on the board is 404; a name may have any characters', async () => {
    const { url } = await serve(adapter)
    for (const path of ['rank/nobody', 'around/nobody']) {
      const { status, headers } = await call(`${url}/${path}`)
      expect([status, headers['content-type']]).toEqual([404, 'application/problem+json'])
    }
    const odd = await call(`${url}/rank/${encodeURIComponent('żółw /?#')}`)
    expect(json(odd)).toMatchObject({ row: { member: 'żółw /?#', rank: 5 } })
  })

  test('allowed windows can be requested, with their previous periods', async () => {
    const { url } = await serve(adapter, { windows: ['month', 'all'] }, WINDOWS)
    expect(json(await call(`${url}/rank/ann`))).toMatchObject({ window: 'month', row: { score: 50 } })
    expect(json(await call(`${url}/rank/ann?window=all`))).toMatchObject({ window: 'all' })
    expect(json(await call(`${url}/top?window=month&previous=2`))).toEqual({ window: 'month', rows: [] })
    expect((await call(`${url}/top?window=month&previous=3`)).status).toBe(400)
  })
})

const anywhere = frameworks[0]!

test('within maxAge all requests for the top share one read', async () => {
  const { url, board } = await serve(anywhere, { maxAge: '1h' })
  const answers = await Promise.all(Array.from({ length: 20 }, () => call(`${url}/top?count=3`)))
  await board.increment('dee', 1000)
  answers.push(await call(`${url}/top?count=3`))
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  expect(answers[0]?.headers['cache-control']).toBe('max-age=3600')
  // Another question, and a member's rank, are read by themselves.
  expect(ranks(await call(`${url}/top?count=1`))).toEqual(['1 dee'])
  expect(json(await call(`${url}/rank/dee`))).toMatchObject({ row: { rank: 1 } })
})

test('after maxAge the top is read again', async () => {
  const { url, board } = await serve(anywhere, { maxAge: 1 })
  await call(`${url}/top`)
  await board.increment('dee', 1000)
  await until('the new top', async () => (ranks(await call(`${url}/top?count=1`)) as string[])[0] === '1 dee')
})

test('many different requests cost bounded memory: answers beyond the cache are read each time', async () => {
  const { url } = await serve(anywhere, { maxAge: '1h' })
  const before = await callsOf(features.raw, 'evalsha')
  for (let round = 0; round < 2; round++) {
    for (let from = 1; from <= 30; from++) await call(`${url}/top?from=${from}`)
  }
  expect((await callsOf(features.raw, 'evalsha')) - before).toBe(30 + 10)
})

test('an outage is 503 and is not cached; an error of the application reaches the framework', async () => {
  const failures = [
    new PenknifeError('PENKNIFE_UNAVAILABLE', 'away'),
    new PenknifeError('PENKNIFE_REJECTED', 'WRONGTYPE'),
  ]
  const broken: Leaderboard = {
    ...features.leaderboard(),
    top: async () => {
      const error = failures.shift()
      if (error) throw error
      return []
    },
  }
  const { url, errors } = await start(anywhere, [leaderboardPlugin.setup(broken, { maxAge: '1h' })])
  const away = await call(`${url}/leaderboard/top`)
  expect([away.status, away.headers['retry-after']]).toEqual([503, '1'])
  expect((await call(`${url}/leaderboard/top`)).status).toBe(500)
  expect(errors).toEqual([expect.objectContaining({ code: 'PENKNIFE_REJECTED' })])
  expect((await call(`${url}/leaderboard/top`)).status).toBe(200)
})

test("members' data is sent only if the application enables it", async () => {
  const { url, board } = await serve(anywhere, { path: '/api/points', data: true, maxCount: 2 })
  await board.describe('ann', { name: 'Ann' })
  expect(json(await call(`${url}/top`))).toMatchObject({
    rows: [
      { member: 'ann', data: { name: 'Ann' } },
      { member: 'bob', data: null },
    ],
  })
  expect((await call(`${url}/top?count=3`)).status).toBe(400)
})

test('wrong options are refused at set-up', () => {
  const refused =
    (options: object, board: unknown = features.leaderboard()): (() => unknown) =>
    () =>
      leaderboardPlugin.setup(board as Leaderboard, options)
  expect(refused({ window: ['all'] })).toThrow(/did you mean 'windows'/)
  expect(refused({ windows: ['week'] })).toThrow(/leaderboard windows is "week": the board has all/)
  expect(refused({ windows: [] })).toThrow(/at least one window/)
  expect(refused({ path: 'top' })).toThrow(/leaderboard path is "top": give a path/)
  expect(refused({ path: '/a/' })).toThrow(/without a slash at its end/)
  expect(refused({ ranks: 'sparse' })).toThrow(/give one of ordinal, competition, dense/)
  expect(refused({ ranks: 'dense' })).toThrow(/ranks is "dense": make the board with denseRanks: true/)
  expect(refused({ ranks: 'dense' }, features.leaderboard({ denseRanks: true }))).not.toThrow()
  expect(refused({ ranks: null })).toThrow(/ranks is null/)
  expect(refused({ maxCount: 1001 })).toThrow(/maxCount is 1001: give a whole number from 1 to 1000/)
  expect(refused({ data: true, maxCount: 201 })).toThrow(/from 1 to 200/)
  expect(refused({ maxEach: -1 })).toThrow(/maxEach/)
  expect(refused({ maxAge: '2d' })).toThrow(/maxAge/)
  expect(refused({}, {})).toThrow(/createLeaderboard/)
})
