import { Agent, get } from 'node:http'

import { createStream, NeverRetryError, type Stream } from '@penknife/core'
import { type AcceptOptions, type Exchange, type Handler, HttpError } from '@penknife/http'
import { acceptPlugin } from '@penknife/http/adapter'
import { call, type Called } from '@penknife/http/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'

import { deferred } from '../support/deferred.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'
import { frameworks } from './frameworks.ts'
import { start, useFeatures } from './setup.ts'
import { listen, type SseClient } from './sse.ts'

const features = useFeatures()
const [anywhere] = frameworks as [(typeof frameworks)[number]]

type Job = string
const SECRET = { secret: 'x'.repeat(32) }
const EVENTS = { accept: 'text/event-stream' }

const payload = (_exchange: unknown, body: unknown): Job => {
  const { job } = (body ?? {}) as { job?: unknown }
  if (typeof job !== 'string') throw new HttpError(422, 'Give a job.')
  return job
}

function queue(name: string): Stream<Job> {
  return createStream<Job>(features.space, name, { groups: ['work'] })
}

function serving(stream: Stream<Job>, options: Partial<AcceptOptions<Job>> = SECRET): Handler {
  return acceptPlugin.setup(stream, { payload, ...options } as AcceptOptions)
}

async function serve(
  adapter: (typeof frameworks)[number],
  stream: Stream<Job>,
  options?: Partial<AcceptOptions<Job>>,
): Promise<{ url: string; errors: readonly unknown[] }> {
  return start(adapter, [serving(stream, options)])
}

const json = ({ text }: Called): unknown => JSON.parse(text)

function post(url: string, job: unknown, headers: Record<string, string> = {}): Promise<Called> {
  return call(`${url}/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ job }),
  })
}

/** Adds a job; resolves with its path. */
async function submit(url: string, job: unknown, headers: Record<string, string> = {}): Promise<string> {
  const { status, headers: sent } = await post(url, job, headers)
  expect(status).toBe(202)
  return sent.location as string
}

/** What a page shows: the output so far. */
function shown({ events }: SseClient): string {
  let text = ''
  for (const { type, data } of events) {
    if (type === 'restart') text = ''
    if (type === 'output') text += (data as { text: string }).text
  }
  return text
}

describe.each(frameworks)('accept on $name', (adapter) => {
  test('a job is answered with 202 and an address, which has its state, progress, output and result', async () => {
    const stream = queue(`whole-${frameworks.indexOf(adapter)}`)
    const { url } = await serve(adapter, stream)
    const accepted = await post(url, 'a')
    expect([accepted.status, accepted.headers['cache-control']]).toEqual([202, 'no-store'])
    const { id, url: address } = json(accepted) as { id: string; url: string }
    expect([address, accepted.headers.location]).toEqual([`/jobs/${id}`, `/jobs/${id}`])
    const refusesEvents = { accept: 'application/json, text/event-stream;q=0' }
    for (const headers of [{}, refusesEvents])
      expect(json(await call(url + address, { headers }))).toEqual({ id, state: 'waiting' })
    const gate = deferred()
    startWorker(stream, 'work', async ({ progress, write }) => {
      await progress({ percent: 5 })
      await write('one ')
      await gate.promise
      await write('two')
      return { pages: 3 }
    })
    const client = await listen(url + address, undefined, EVENTS)
    await until('the first part is there', () => shown(client) === 'one ')
    expect(json(await call(url + address))).toEqual({
      id,
      state: 'running',
      progress: { percent: 5 },
    })
    gate.resolve()
    await until('it ended', () => client.ended)
    expect(shown(client)).toBe('one two')
    expect(client.events.at(-1)).toEqual({
      type: 'end',
      data: { state: 'done', result: { pages: 3 } },
      id: 'end',
    })
    expect(json(await call(url + address))).toEqual({
      id,
      state: 'done',
      progress: { percent: 5 },
      result: { pages: 3 },
    })
    // What stops an EventSource.
    expect((await call(url + address, { headers: { ...EVENTS, 'last-event-id': 'end' } })).status).toBe(204)
    expect((await call(url + address, { method: 'HEAD' })).status).toBe(200)
    expect((await call(`${url}/other`)).status).toBe(404)
  })
})

test('a page that reloads goes on where it was, at any server, also after another attempt began anew', async () => {
  const stream = queue('reload')
  const servers = [await serve(anywhere, stream), await serve(anywhere, stream)]
  const [one, other] = servers.map(({ url }) => url) as [string, string]
  const gates = [deferred(), deferred(), deferred()]
  startWorker(
    stream,
    'work',
    async ({ write, attempt }) => {
      await write(`${attempt}a`)
      await gates[attempt - 1]?.promise
      if (attempt === 1) throw new Error('broken')
      await write('b')
      await gates[2]?.promise
    },
    { retryDelay: 0 },
  )
  const path = await submit(one, 'x')
  const first = await listen(one + path, undefined, EVENTS)
  await until('the page has the first part', () => shown(first) === '1a')
  first.leave()
  gates[0]?.resolve()
  const second = await listen(other + path, first.lastId, EVENTS)
  await until('the page has the second attempt', () => shown(second) === '2a')
  expect(second.events.map(({ type }) => type)).toEqual(['state', 'restart', 'output'])
  second.leave()
  gates[1]?.resolve()
  gates[2]?.resolve()
  // The address repeats the cursor of the beginning; the header is newer.
  const third = await listen(`${one + path}?lastEventId=${first.lastId}`, second.lastId, EVENTS)
  await until('it ended', () => third.ended)
  expect(shown(third)).toBe('b')
  const late = await listen(`${other + path}?lastEventId=${second.lastId}`, undefined, EVENTS)
  await until('it ended', () => late.ended)
  expect(late.events.map(({ type, data }) => [type, data])).toEqual([
    ['state', { state: 'done' }],
    ['output', { text: 'b' }],
    ['end', { state: 'done', result: null }],
  ])
})

test('clients cancel what waits and what runs, and learn when it is too late', async () => {
  const stream = queue('cancel')
  const { url } = await serve(anywhere, stream)
  const waiting = await submit(url, 'a')
  const follower = await listen(url + waiting, undefined, EVENTS)
  await follower.has(1)
  expect(json(await call(url + waiting, { method: 'DELETE' }))).toMatchObject({ state: 'cancelled' })
  expect((await call(url + waiting, { method: 'DELETE' })).status).toBe(200)
  await until('its stream ended', () => follower.ended)
  expect(follower.events.at(-1)).toMatchObject({ type: 'end', data: { state: 'cancelled' } })
  let aborted = false
  startWorker(stream, 'work', ({ payload: job, signal }) => {
    if (job === 'done') return 1
    if (job === 'bad') throw new NeverRetryError('the password is 1234')
    return new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        aborted = true
        resolve()
      })
    })
  })
  const running = await submit(url, 'b')
  await until(
    'it runs',
    async () => (json(await call(url + running)) as { state: string }).state === 'running',
  )
  expect((await call(url + running, { method: 'DELETE' })).status).toBe(200)
  await until('its signal aborted', () => aborted)
  const done = await submit(url, 'done')
  await until('it is done', async () => (json(await call(url + done)) as { state: string }).state === 'done')
  const late = await call(url + done, { method: 'DELETE' })
  expect([late.status, json(late)]).toMatchObject([409, { state: 'done' }])
  // The reason of a failure stays on the server.
  const bad = await submit(url, 'bad')
  await until('it failed', async () => (json(await call(url + bad)) as { state: string }).state === 'dead')
  expect((await call(url + bad)).text).not.toContain('1234')
  expect(json(await call(url + bad))).toMatchObject({ why: 'never-retry' })
  // After its outcome was forgotten the dead letter is still there, and both ways say so.
  await features.raw.del('pk1:{test}:stream:cancel:results:work', 'pk1:{test}:stream:cancel:results-due:work')
  expect(json(await call(url + bad))).toMatchObject({ state: 'dead' })
  const forgotten = await listen(url + bad, undefined, EVENTS)
  await until('it ended', () => forgotten.ended || forgotten.events.some(({ type }) => type === 'end'))
  expect(forgotten.events.at(-1)).toMatchObject({ type: 'end', data: { state: 'dead' } })
  const readOnly = await serve(anywhere, stream, { ...SECRET, cancel: false })
  const refused = await call(readOnly.url + done, { method: 'DELETE' })
  expect([refused.status, refused.headers.allow]).toEqual([405, 'GET, HEAD'])
})

test('a dedup id that clients choose is one of their user, of any length: nobody gets the entry of another user', async () => {
  const stream = queue('dedup')
  const user = (exchange: Exchange): string | undefined => exchange.header('x-user')
  const entry = (exchange: Exchange): { id: string | undefined } => ({
    id: exchange.header('idempotency-key'),
  })
  const { url } = await serve(anywhere, stream, { ...SECRET, user, entry })
  for (const key of ['k', 'x'.repeat(2000)]) {
    const [ann, bob] = ['ann', 'bob'].map((name) => ({ 'x-user': name, 'idempotency-key': key }))
    const first = await submit(url, 'a', ann)
    expect(await submit(url, 'a', ann)).toBe(first)
    const other = await submit(url, 'a', bob)
    expect(other.split('.')[0]).not.toBe(first.split('.')[0])
    expect((await call(url + first, { headers: bob ?? {} })).status).toBe(404)
  }
  expect((await stream.stats()).length).toBe(4)
})

test('only a client that got an id can use it: ids are signed, for a user if one is given', async () => {
  const stream = queue('access')
  const user = (exchange: Exchange): string | undefined => exchange.header('x-user')
  const { url } = await serve(anywhere, stream, { ...SECRET, user })
  const ann = { 'x-user': 'ann' }
  expect((await post(url, 'a')).status).toBe(401)
  const path = await submit(url, 'a', ann)
  expect((await call(url + path, { headers: ann })).status).toBe(200)
  expect((await call(url + path, { headers: { 'x-user': 'bob' } })).status).toBe(404)
  expect((await call(url + path)).status).toBe(401)
  const [plain] = path.slice('/jobs/'.length).split('.') as [string]
  for (const id of [plain, `${plain}.`, `${plain}.${'A'.repeat(43)}`, '%00', 'x'.repeat(5000), '..']) {
    for (const method of ['GET', 'DELETE']) {
      expect((await call(`${url}/jobs/${id}`, { method, headers: { ...ann, ...EVENTS } })).status).toBe(404)
    }
  }
  // Another stream's id is none of this one, and a new secret accepts the ids of the old one.
  const elsewhere = await serve(anywhere, queue('access2'), { ...SECRET, user })
  expect((await call(elsewhere.url + path, { headers: ann })).status).toBe(404)
  const rotated = await serve(anywhere, stream, { secret: ['y'.repeat(32), SECRET.secret], user })
  expect((await call(rotated.url + path, { headers: ann })).status).toBe(200)
  const asked: unknown[] = []
  const checked = await serve(anywhere, stream, {
    authorize(_exchange, id, action) {
      asked.push([id, action])
      return action === 'read' ? true : (1 as never)
    },
  })
  expect((await call(`${checked.url}/jobs/${plain}`)).status).toBe(200)
  expect((await call(`${checked.url}/jobs/${plain}`, { method: 'DELETE' })).status).toBe(403)
  expect(asked).toEqual([
    [plain, 'read'],
    [plain, 'cancel'],
  ])
  // One that was added without a result.
  const bare = await stream.add('b')
  const events = await listen(`${checked.url}/jobs/${bare}`, undefined, EVENTS)
  await until('it ended', () => events.ended)
  expect(events.events.at(-1)).toMatchObject({ type: 'end', data: { state: 'gone' } })
})

test('bad requests are refused before anything is added, and an outage is 503', async () => {
  const stream = queue('bad')
  const { url, errors } = await serve(anywhere, stream, { ...SECRET, maxRequestBytes: 40 })
  const send = (body: string, type: string, coding?: string): Promise<Called> =>
    call(`${url}/jobs`, {
      method: 'POST',
      headers: { 'content-type': type, ...(coding !== undefined && { 'content-encoding': coding }) },
      body,
    })
  expect((await send('{"job":', 'application/json')).status).toBe(400)
  expect((await send('{"job":"a"}', 'text/plain')).status).toBe(415)
  expect((await send('{"job":"a"}', 'application/json; charset=utf-16')).status).toBe(415)
  expect((await send('{"job":"a"}', 'application/json', 'gzip')).status).toBe(415)
  expect((await send('{"job":"a"}', 'application/x-www-form-urlencoded')).status).toBe(415)
  expect((await send(JSON.stringify({ job: 'a'.repeat(99) }), 'application/json')).status).toBe(413)
  const refused = await post(url, 5)
  expect([refused.status, json(refused)]).toMatchObject([422, { detail: 'Give a job.' }])
  expect((await call(`${url}/jobs`, { method: 'POST' })).status).toBe(422)
  const wrong = await call(`${url}/jobs`)
  expect([wrong.status, wrong.headers.allow]).toEqual([405, 'POST'])
  expect(await stream.read()).toMatchObject({ items: [] })
  expect(errors).toEqual([])
  const away = { ...stream, add: () => Promise.reject(Object.assign(new Error(), { status: 503 })) }
  const broken = await serve(anywhere, away)
  expect((await post(broken.url, 'a')).status).toBe(503)
  const few = await serve(anywhere, stream, { ...SECRET, maxStreams: 1 })
  const path = await submit(few.url, 'a')
  const first = await listen(few.url + path, undefined, EVENTS)
  await first.has(1)
  const second = await call(few.url + path, { headers: EVENTS })
  expect([second.status, second.headers['retry-after']]).toEqual([503, '5'])
})

test('a connection is used again after an event stream ended', async () => {
  const stream = queue('agent')
  startWorker(stream, 'work', () => 1)
  const { url } = await serve(anywhere, stream)
  const path = await submit(url, 'a')
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  const sockets = new Set<unknown>()
  for (let at = 0; at < 5; at++) {
    const ended = await new Promise<string>((resolve, reject) => {
      get(url + path, { agent, headers: EVENTS }, (response) => {
        sockets.add(response.socket)
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        response.on('end', () => resolve(text))
      }).on('error', reject)
    })
    expect(ended).toContain('event: end')
  }
  expect(sockets.size).toBe(1)
})

test('a server that closes asks its clients to reconnect', async () => {
  const stream = queue('closing')
  const handler = serving(stream)
  const { url } = await start(anywhere, [handler])
  const path = await submit(url, 'a')
  const client = await listen(url + path, undefined, EVENTS)
  await client.has(1)
  await handler.close?.(1000)
  await until('it ended', () => client.ended)
  expect(client.retries).toHaveLength(1)
})

test('wrong options are refused with the fix, and accept is not mounted without a decision on who may use an id', () => {
  const stream = queue('options')
  const refused =
    (options: object, on: unknown = stream): (() => unknown) =>
    () =>
      acceptPlugin.setup(on as Stream<unknown>, options as AcceptOptions)
  expect(refused({ payload })).toThrow(/accept secret is undefined: decide who may read and cancel an entry/)
  expect(refused({ payload, secret: 'short' })).toThrow(/at least 32 characters/)
  expect(refused({ payload, secret: [] })).toThrow(/at least 32 characters/)
  expect(refused({ ...SECRET })).toThrow(/accept payload is undefined: give a function that checks the body/)
  expect(refused({ payload, authorize: () => true, user: () => 'ann' })).toThrow(/accept user/)
  expect(refused({ payload, ...SECRET, path: 'jobs/' })).toThrow(/accept path/)
  expect(refused({ payload, ...SECRET, keep: 5 })).toThrow(/keep/)
  expect(refused({ payload, ...SECRET, cancel: 1 })).toThrow(/accept cancel/)
  expect(refused({ payload, ...SECRET, entry: 1 })).toThrow(/accept entry/)
  expect(refused({ payload, ...SECRET, secrets: 1 })).toThrow(/secret/)
  expect(refused({ payload, ...SECRET }, {})).toThrow(/accept stream/)
})
