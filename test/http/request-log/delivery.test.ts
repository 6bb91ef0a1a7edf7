import { connect, createStream, type Space } from '@penknife/core'
import { createRequestStream, type RequestEntry } from '@penknife/http'
import { requestLogPlugin } from '@penknife/http/adapter'
import { call } from '@penknife/http/testkit'
import { expect, test } from 'vitest'

import { openReady } from '../../support/connect.ts'
import { startProxy } from '../../support/proxy.ts'
import { freeze, ownRedis, pattern } from '../../support/redis.ts'
import { nextTurn, until } from '../../support/until.ts'
import { warningsOf } from '../../support/warnings.ts'
import { frameworks } from '../frameworks.ts'
import { start, useFeatures } from '../setup.ts'

const features = useFeatures()
const warnings = warningsOf('PENKNIFE_REQUEST_LOG')
const node = frameworks.find(({ name }) => name === 'node:http') as (typeof frameworks)[number]

async function everyEntry(space: Space, name = 'requests'): Promise<RequestEntry[]> {
  const all: RequestEntry[] = []
  for await (const { payload } of createRequestStream(space, name).replay()) all.push(payload)
  return all
}

/** Requests that the entries tell of: those that they are, and those that they say were dropped. */
function told(entries: readonly RequestEntry[]): number {
  return entries.reduce((sum, { dropped = 0 }) => sum + 1 + dropped, 0)
}

async function requests(url: string, count: number, at = 0): Promise<void> {
  for (let nth = 0; nth < count; nth++) await call(`${url}/items/${at + nth}`)
}

test('an entry is packed in Redis, and workers, read and replay get it whole', async () => {
  const log = requestLogPlugin.setup(features.space, 'requests', {
    fields: () => ({ tenant: 'acme', ip: '203.0.113.9' }),
    user: () => 'ann',
  })
  const { url } = await start(node, [log])
  await call(`${url}/items/7`, { headers: { 'user-agent': 'a test' } })
  await log.close?.(5000)
  const events = createRequestStream<{ tenant: string }>(features.space, 'requests')
  const worked: (RequestEntry & { tenant: string })[] = []
  const worker = events.worker('audit', ({ payload }) => void worked.push(payload))
  await until('it is handled', () => worked.length === 1)
  await worker.close()
  const [read] = (await events.read()).items
  expect(read?.payload).toMatchObject({
    path: '/items/7',
    status: 200,
    ip: '203.0.113.9',
    userAgent: 'a test',
    user: 'ann',
    tenant: 'acme',
    aborted: false,
  })
  expect(worked).toEqual([read?.payload])
  expect(await everyEntry(features.space)).toEqual([read?.payload])
  const key = 'pk1:{test}:stream:requests'
  const [entry] = await features.raw.xrange(key, '-', '+')
  expect(entry?.[1][1]).toMatch(
    /^\[0,\d{13},"GET","\/items\/7",0,200,[\d.]+,0,\d+,"203.0.113.9","a test","[\w-]+",\{/,
  )
})

test('entries are written together: 100 requests of a moment are a few script calls', async () => {
  const log = requestLogPlugin.setup(features.space, 'requests', { flushInterval: '10s' })
  const { url } = await start(node, [log])
  const before = Number(/cmdstat_evalsha:calls=(\d+)/.exec(await features.raw.info('commandstats'))?.[1] ?? 0)
  await Promise.all(Array.from({ length: 100 }, (_, at) => call(`${url}/items/${at}`)))
  await log.close?.(5000)
  const info = await features.raw.info('commandstats')
  expect(await everyEntry(features.space)).toHaveLength(100)
  expect(Number(/cmdstat_evalsha:calls=(\d+)/.exec(info)?.[1]) - before).toBeLessThan(10)
  expect(Number(/cmdstat_xadd:calls=(\d+)/.exec(info)?.[1])).toBe(100)
})

test('a batch whose reply is lost is written again, and added once', async () => {
  const server = await ownRedis()
  const proxy = await startProxy(server)
  const penknife = await openReady(pattern(proxy.url), { deadline: '300ms' })
  const log = requestLogPlugin.setup(penknife.space('test'), 'requests')
  const { url } = await start(node, [log])
  await requests(url, 1)
  await log.close?.(5000)
  proxy.swallowReplies()
  await requests(url, 10, 1)
  const direct = connect(pattern(server.url))
  await until('Redis has a batch', async () => (await everyEntry(direct.space('test'))).length > 1)
  await nextTurn()
  proxy.cut()
  proxy.pass()
  await requests(url, 5, 11)
  await log.close?.(10_000)
  const paths = (await everyEntry(direct.space('test'))).map(({ path }) => path)
  await direct.close()
  expect(paths).toEqual(Array.from({ length: 16 }, (_, at) => `/items/${at}`))
})

test('with Redis killed, frozen and started, entries and counted drops are exactly the requests', async () => {
  const server = await ownRedis({ persist: true, listen: 'unix' })
  const penknife = await openReady(pattern(server.socket), { deadline: '300ms' })
  let lost = 0
  const log = requestLogPlugin.setup(penknife.space('test'), 'requests', {
    maxPending: 60,
    onError: (_error, sofar) => (lost = sofar),
  })
  const { url } = await start(node, [log])
  let sent = 0
  const going = new AbortController()
  const clients = Array.from({ length: 8 }, async () => {
    while (!going.signal.aborted) {
      sent += 1
      await call(`${url}/items/${sent}`)
    }
  })
  const more = (count: number): Promise<void> => {
    const from = sent
    return until(`${count} more requests`, () => sent >= from + count)
  }
  await more(60)
  await server.kill()
  await more(150)
  await server.start()
  await more(100)
  freeze(server)
  await more(100)
  server.thaw()
  await more(60)
  await server.kill()
  await server.start()
  await more(60)
  going.abort()
  await Promise.all(clients)
  await log.close?.(20_000)
  const entries = await everyEntry(penknife.space('test'))
  const dropped = told(entries) - entries.length
  expect(entries.length + dropped).toBe(sent)
  expect(new Set(entries.map(({ path }) => path)).size).toBe(entries.length)
  expect(dropped).toBeGreaterThan(0)
  expect(lost).toBeGreaterThan(0)
})

test('a log deletes its oldest entries whatever its groups did, and says once which group misses some', async () => {
  const log = requestLogPlugin.setup(features.space, 'small', { retain: { entries: 128 } })
  const events = createRequestStream(features.space, 'small', { retain: { entries: 128 } })
  const { url } = await start(node, [log])
  await requests(url, 1)
  await log.close?.(5000)
  for (const group of ['dead', 'read'])
    await features.raw.xgroup('CREATE', 'pk1:{test}:stream:small', group, '0')
  await requests(url, 127)
  await log.close?.(5000)
  await features.raw.xgroup('SETID', 'pk1:{test}:stream:small', 'read', '$')
  const before = warnings.length
  await requests(url, 64)
  await log.close?.(5000)
  expect((await events.stats({ over: 0 })).length).toBe(128)
  expect(warnings.slice(before)).toEqual([
    expect.stringMatching(
      /stream 'small' of space 'test' deleted \d+ entries that group 'dead' had not finished/,
    ),
  ])
})

test('a given stream that nothing bounds is warned about once; a bounded one is not', async () => {
  const before = warnings.length
  const unbounded = createStream<RequestEntry>(features.space, 'unbounded', { retain: { entries: 100 } })
  for (let nth = 0; nth < 2; nth++) requestLogPlugin.setup(unbounded)
  requestLogPlugin.setup(
    createStream<RequestEntry>(features.space, 'lossy', { retain: { entries: 9, lossy: true } }),
  )
  requestLogPlugin.setup(createStream<RequestEntry>(features.space, 'full', { groups: ['a'], maxBacklog: 9 }))
  await until('it is reported', () => warnings.length > before)
  expect(warnings.slice(before)).toEqual([
    expect.stringMatching(
      /requestLog writes to stream 'unbounded' of space 'test', which keeps what a group has not/,
    ),
  ])
  expect(() =>
    requestLogPlugin.setup(
      createStream<RequestEntry>(features.space, 'keyed', { groups: ['a'], order: 'key' }),
    ),
  ).toThrow(/without order by key/)
})

test('a given stream gets objects, and at its maxBacklog the others are dropped and counted', async () => {
  const stream = createStream<RequestEntry>(features.space, 'queue', { groups: ['audit'], maxBacklog: 3 })
  const reports: [string, number][] = []
  const log = requestLogPlugin.setup(stream, {
    onError: (error, lost) => reports.push([String(error), lost]),
  })
  const { url } = await start(node, [log])
  await requests(url, 5)
  await log.close?.(5000)
  const { items } = await stream.read()
  expect(items.map(({ payload }) => payload.path)).toEqual(['/items/0', '/items/1', '/items/2'])
  // One report or two: both entries may be dropped in one batch, or one after the other.
  expect(reports[0]).toEqual([expect.stringMatching(/has reached its maxBacklog/), expect.any(Number)])
  const worker = stream.worker('audit', () => {})
  await until('there is room', async () => (await stream.read()).items.length === 0)
  await worker.close()
  await requests(url, 1, 5)
  await log.close?.(5000)
  expect((await stream.read()).items[0]?.payload).toMatchObject({ path: '/items/5', dropped: 2 })
})

test('a given stream with a schema refuses what does not fit, as its add does', async () => {
  const schema = {
    '~standard': {
      version: 1 as const,
      vendor: 'test',
      validate: async (value: unknown) =>
        (value as RequestEntry).path === '/items/0'
          ? { issues: [{ message: 'not this' }] }
          : { value: value as RequestEntry },
    },
  }
  const stream = createStream(features.space, 'checked', { retain: { entries: 9, lossy: true }, schema })
  const reports: string[] = []
  const log = requestLogPlugin.setup(stream, { onError: (error) => reports.push(String(error)) })
  const { url } = await start(node, [log])
  await requests(url, 2)
  await until('it is reported', () => reports.length === 1)
  await log.close?.(5000)
  expect(reports[0]).toMatch(/not this/)
  expect((await stream.read()).items[0]?.payload).toMatchObject({ path: '/items/1', dropped: 1 })
})

test("a user's entries are found, deleted and anonymised by bounded scans, and stats stay right", async () => {
  const log = requestLogPlugin.setup(features.space, 'requests', { user: ({ path }) => path.slice(7) })
  const { url } = await start(node, [log])
  for (const user of ['ann', 'bob', 'ann', 'cy', 'ann', 'bob']) await call(`${url}/items/${user}`)
  await log.close?.(5000)
  const events = createRequestStream(features.space, 'requests')
  await features.raw.xgroup('CREATE', 'pk1:{test}:stream:requests', 'audit', '0')
  const first = await events.find({ user: 'ann' }, { limit: 4 })
  expect(first.items.map(({ payload }) => payload.path)).toEqual(['/items/ann', '/items/ann'])
  expect((await events.find({ user: 'ann' }, { limit: 4, after: first.next as string })).items).toHaveLength(
    1,
  )

  expect(await events.erase({ user: 'bob' })).toEqual({ scanned: 6, changed: 2, next: undefined })
  expect(await events.anonymise({ user: 'ann' })).toMatchObject({ scanned: 4, changed: 3 })
  expect(await events.anonymise(() => false)).toMatchObject({ changed: 0 })
  const entries = await everyEntry(features.space)
  expect(entries.map(({ user, path, anonymised }) => [user, path, anonymised])).toEqual([
    ['cy', '/items/cy', undefined],
    ...Array.from({ length: 3 }, () => [undefined, '', true]),
  ])
  expect(JSON.stringify(entries)).not.toMatch(/ann"|bob/)
  const [group] = (await events.stats({ over: 0 })).groups
  expect(group).toMatchObject({ name: 'audit', waiting: 4, exact: true })
  await expect(events.erase({})).rejects.toThrow(/match is .*give values to look for/)
  await expect(events.find({ limit: 1 } as never)).rejects.toThrow(/match option 'limit'/)
})
