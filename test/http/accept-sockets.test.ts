import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

import { type EntryState, follow, type WebSocketClass } from '@penknife/client'
import { createNotifier, createStream, type Stream } from '@penknife/core'
import { accept, type Exchange } from '@penknife/http'
import {
  type AcceptSockets,
  acceptSockets,
  type AcceptSocketsOptions,
  notificationSockets,
} from '@penknife/http/websocket'
import { call } from '@penknife/http/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'

import { deferred } from '../support/deferred.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'
import { useFeatures } from './setup.ts'
import { openSocket, type SocketClient } from './socket.ts'

const features = useFeatures()

const SECRET = 'x'.repeat(32)

function queue(name: string): Stream<string> {
  return createStream<string>(features.space, name, { groups: ['work'] })
}

interface Served {
  readonly url: string
  readonly sockets: AcceptSockets
  /** Resolves when all connections are gone, as after a crash. */
  kill(): void
  readonly connections: ReadonlySet<Socket>
  /** Adds a job; resolves with its address. */
  submit(job: string, headers?: Readonly<Record<string, string>>): Promise<string>
}

/** `accept` and its sockets on one server. */
async function serve(
  stream: Stream<string>,
  options: AcceptSocketsOptions = {},
  attachMore: (server: ReturnType<typeof createServer>) => void = () => {},
): Promise<Served> {
  const { path = '/jobs', secret = SECRET, user } = options
  const jobs = accept(stream, {
    path,
    secret,
    ...(user && { user }),
    payload: (_exchange, body) => body as string,
  })
  const server = createServer((request, response) => {
    jobs(request, response).then(
      (continues) => continues && response.writeHead(404).end(),
      () => response.destroy(),
    )
  })
  const sockets = acceptSockets(stream, { secret, ...options })
  sockets.attach(server)
  attachMore(server)
  const connections = new Set<Socket>()
  server.on('connection', (socket) => connections.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const kill = (): void => {
    server.close()
    for (const socket of connections) socket.destroy()
  }
  onTestFinished(async () => {
    await sockets.close({ deadline: '1s' })
    kill()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    sockets,
    kill,
    connections,
    async submit(job, headers = {}) {
      const { status, headers: sent } = await call(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(job),
      })
      expect(status).toBe(202)
      return sent.location as string
    },
  }
}

/** What a page shows: the output so far. */
function shown({ frames }: SocketClient): string {
  let text = ''
  for (const { kind, data } of frames) {
    if (kind === 'restart') text = ''
    if (kind === 'output') text += (data as { text: string }).text
  }
  return text
}

function cursorOf({ frames }: SocketClient): string {
  return frames.findLast(({ kind }) => kind === 'output')?.id ?? ''
}

test('a client follows an entry to its end over a WebSocket, and goes on at another server after its cursor', async () => {
  const stream = queue('whole')
  const one = await serve(stream)
  const other = await serve(stream)
  const path = await one.submit('a')
  const gate = deferred()
  const client = await openSocket(one.url + path)
  await client.has('state', 1)
  startWorker(stream, 'work', async ({ progress, write }) => {
    await progress({ percent: 5 })
    await write('one ')
    await gate.promise
    await write('two')
    return { pages: 3 }
  })
  await until('the first part is there', () => shown(client) === 'one ')
  expect(client.frames[0]).toEqual({ kind: 'state', data: { state: 'waiting' } })
  expect(client.frames).toContainEqual({ kind: 'progress', data: { progress: { percent: 5 } } })
  one.kill()
  expect((await client.ended())[0]).toBe(1006)
  gate.resolve()

  const again = await openSocket(`${other.url}${path}?lastEventId=${cursorOf(client)}`)
  expect(await again.ended()).toEqual([1000, 'end'])
  expect(shown(again)).toBe('two')
  expect(again.frames.at(-1)).toEqual({
    kind: 'end',
    id: 'end',
    data: { state: 'done', result: { pages: 3 } },
  })

  const over = await openSocket(`${other.url}${path}?lastEventId=end`)
  expect(await over.ended()).toEqual([1000, 'end'])
  expect(over.frames).toEqual([again.frames.at(-1)])
  const lost = await openSocket(`${other.url}${path}?lastEventId=elsewhere`)
  await lost.ended()
  expect(lost.frames.map(({ kind }) => kind).slice(0, 2)).toEqual(['state', 'restart'])
  expect(shown(lost)).toBe('one two')
  let ended: EntryState | undefined
  follow(other.url + path, {
    from: 'end',
    WebSocket: WebSocket as unknown as WebSocketClass,
    onEnd: (end) => (ended = end),
  })
  await until('the client knows the end', () => ended !== undefined)
  expect(ended).toEqual({ state: 'done', result: { pages: 3 } })
})

test('a client cancels with a frame, unless it may not', async () => {
  const stream = queue('cancel')
  const aborted = deferred()
  startWorker(stream, 'work', ({ signal }) => {
    signal.addEventListener('abort', () => aborted.resolve())
    return new Promise(() => {})
  })
  let allowed: unknown = false
  const { url, submit } = await serve(stream, {
    authorize(_exchange, _id, action) {
      if (allowed === 'throw') throw new Error('on purpose')
      return action === 'read' || (allowed as boolean)
    },
  })
  const path = await submit('a')
  const client = await openSocket(url + path)
  expect(await client.ask({ kind: 'cancel' })).toMatchObject({ error: 'forbidden' })
  allowed = 'throw'
  expect(await client.ask({ kind: 'cancel' })).toMatchObject({ error: 'failed' })
  expect(await client.ask({ kind: 'ping' })).toEqual({ kind: 'reply', n: 2 })
  allowed = true
  expect(await client.ask({ kind: 'cancel' })).toEqual({ kind: 'reply', n: 3, state: 'cancelled' })
  await aborted.promise
  expect(await client.ended()).toEqual([1000, 'end'])
  expect(client.frames.at(-1)).toMatchObject({ kind: 'end', data: { state: 'cancelled' } })

  const readOnly = await serve(stream, { cancel: false })
  const other = await openSocket(readOnly.url + (await readOnly.submit('b')))
  expect(await other.ask({ kind: 'cancel' })).toMatchObject({ error: 'unsupported' })
})

test('an upgrade is refused as a request is: unknown ids, other users, foreign pages, too many sockets', async () => {
  const stream = queue('access')
  const user = (exchange: Exchange): string | undefined => exchange.header('x-user')
  let attachedTo = createServer()
  const { url, sockets, submit } = await serve(stream, { user, maxStreams: 1 }, (server) => {
    attachedTo = server
    const live = notificationSockets(createNotifier(features.space, 'beside'), { channels: ['a'] })
    live.attach(server)
    onTestFinished(() => live.close())
  })
  // By mistake: twice, and another one at the same path.
  sockets.attach(attachedTo)
  expect(attachedTo.listenerCount('upgrade')).toBe(2)
  expect(() => acceptSockets(stream, { secret: SECRET }).attach(attachedTo)).toThrow(
    'acceptSockets path is "/jobs": another middleware serves it on this server',
  )
  const ann = { 'x-user': 'ann' }
  const path = await submit('a', ann)
  const refusal = (address: string, headers: Readonly<Record<string, string>>): Promise<string> =>
    openSocket(url + address, { headers }).then(
      () => 'open',
      (error: unknown) => /\d{3}/.exec((error as Error).message)?.[0] ?? String(error),
    )
  const [plain = ''] = path.split('.')
  expect(await refusal(path, {})).toBe('401')
  expect(await refusal(path, { 'x-user': 'bob' })).toBe('404')
  expect(await refusal(plain, ann)).toBe('404')
  expect(await refusal(`/jobs/${'x'.repeat(5000)}`, ann)).toBe('404')
  expect(await refusal(path, { ...ann, origin: 'https://evil.example' })).toBe('403')
  expect(await refusal('/elsewhere', ann)).toBe('404')
  await expect(openSocket(url + path, { headers: ann, protocols: ['other'] })).rejects.toThrow('400')
  const first = await openSocket(url + path, { headers: { ...ann, origin: url } })
  expect(await refusal(path, ann)).toBe('503')
  const live = await openSocket(`${url}/live`)
  first.leave()
  live.leave()
  await until('there is room', async () => (await refusal(path, ann)) === 'open')
})

test('of clients that come at once no more than maxStreams follow, and the others are asked to come later', async () => {
  const stream = queue('at-once')
  const { url, submit } = await serve(stream, { maxStreams: 2 })
  const path = await submit('a')
  const coming = await Promise.allSettled(Array.from({ length: 8 }, () => openSocket(url + path)))
  const opened = coming.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  const following = (): SocketClient[] => opened.filter(({ closed }) => closed === undefined)
  await until('two follow', () => following().length === 2)
  for (const { closed } of opened) if (closed) expect(closed).toEqual([4000, 'reconnect'])
  await Promise.all(following().map((each) => each.has('state', 1)))
})

test.each<[name: string, frame: string | Buffer, code: number]>([
  ['no JSON', '{', 1008],
  ['no number', '{"kind":"cancel"}', 1008],
  ['a kind of other sockets', '{"kind":"subscribe","n":1,"channels":{"a":null}}', 1008],
  ['bytes', Buffer.from('{"kind":"ping","n":1}'), 1003],
  ['too much', 'x'.repeat(40_000), 1009],
])('a frame with %s closes the socket with a code, and cancels nothing', async (_, frame, code) => {
  const stream = queue('hostile')
  const { url, submit } = await serve(stream)
  const path = await submit('a')
  const client = await openSocket(url + path)
  client.send(frame)
  expect((await client.ended())[0]).toBe(code)
  expect(JSON.parse((await call(url + path)).text)).toMatchObject({ state: 'waiting' })
})

test('a client that reads nothing is cut off before it takes much memory, and delays nobody', async () => {
  const stream = queue('slow')
  const { url, submit, connections } = await serve(stream)
  const path = await submit('a')
  const slow = await openSocket(url + path)
  const quick = await openSocket(url + path)
  slow.pause()
  let unsent = 0
  const isCut = (): boolean => {
    for (const socket of connections) unsent = Math.max(unsent, socket.writableLength)
    return [...connections].filter((socket) => socket.destroyed).length > 0
  }
  // The buffers of the system take some megabytes before those of the process fill.
  startWorker(stream, 'work', async ({ progress }) => {
    for (let at = 0; at < 5000 && !isCut(); at++) await progress('x'.repeat(16_000))
    return isCut()
  })
  expect(await quick.ended()).toEqual([1000, 'end'])
  expect(quick.frames.at(-1)).toMatchObject({ data: { state: 'done', result: true } })
  expect(unsent).toBeLessThan(2_000_000)
  slow.resume()
})

test('a server that closes asks clients to reconnect, and one without Redis accepts none', async () => {
  const stream = queue('closing')
  const closing = await serve(stream)
  const path = await closing.submit('a')
  const client = await openSocket(closing.url + path)
  await client.has('state', 1)
  await closing.sockets.close({ deadline: '1s' })
  expect(await client.ended()).toEqual([4000, 'reconnect'])
  expect(client.frames.at(-1)).toMatchObject({ kind: 'closed', reconnect: true })
  expect(client.frames.at(-1)?.afterMs).toBeGreaterThanOrEqual(1000)
  // It is not attached any more, so `accept` answers.
  await expect(openSocket(closing.url + path)).rejects.toThrow('200')

  const { url } = await serve(stream)
  const open = await openSocket(url + path)
  await open.has('state', 1)
  features.server.freeze()
  try {
    await expect(openSocket(url + path)).rejects.toThrow('503')
  } finally {
    features.server.thaw()
  }
  expect((await call(url + path, { method: 'DELETE' })).status).toBe(200)
  // A client whose entry had to be read meanwhile was asked to come back; others waited.
  const [code] = await open.ended()
  const last = code === 4000 ? await openSocket(url + path) : open
  expect(await last.ended()).toEqual([1000, 'end'])
  expect(last.frames.at(-1)).toMatchObject({ kind: 'end', data: { state: 'cancelled' } })
})

test('the client follows an entry over the death of its server, cancels, and knows when it may not follow', async () => {
  const stream = queue('client')
  const servers = [await serve(stream), await serve(stream)]
  const [one, other] = servers as [Served, Served]
  const gate = deferred()
  startWorker(stream, 'work', async ({ write, progress, signal }) => {
    await progress(1)
    await write('one ')
    await gate.promise
    await write('two ')
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
  })
  const path = await one.submit('a')
  let text = ''
  const seen: unknown[] = []
  let ended: EntryState | undefined
  let server = one
  const following = follow(() => server.url + path, {
    WebSocket: WebSocket as unknown as WebSocketClass,
    onState: ({ state }) => seen.push(state),
    onProgress: (progress) => seen.push(progress),
    onOutput: (part) => {
      text += part
      throw new Error('on purpose')
    },
    onEnd: (end) => (ended = end),
  })
  onTestFinished(() => following.close())
  const silenced = console.error
  console.error = () => {}
  onTestFinished(() => void (console.error = silenced))
  await until('the first part is there', () => text === 'one ')
  server = other
  one.kill()
  gate.resolve()
  await until('the rest is there', () => text === 'one two ')
  expect(following.cursor).toMatch(/^\d+-\d+$/)
  expect(await following.cancel()).toBe('cancelled')
  await until('it ended', () => ended !== undefined)
  expect(ended).toEqual({ state: 'cancelled' })
  expect(seen).toContain(1)
  expect(await following.cancel()).toBe('too late')

  for (const url of [other.url, other.url.replace('http:', 'ws:')]) {
    let refused: EntryState | undefined
    follow(`${url}/jobs/unknown`, {
      WebSocket: WebSocket as unknown as WebSocketClass,
      onEnd: (end) => (refused = end),
    })
    await until('it is refused', () => refused !== undefined)
    expect(refused).toEqual({ state: 'refused' })
  }
})

test.each(['/jobs', '/other'])(
  'requests to %s that ask for HTTP/2 in clear, as those of Java, are served as usual ones, with their bodies and on one connection',
  async (path) => {
    const stream = queue('h2c')
    const { url, submit } = await serve(stream)
    const job = await submit('a')
    const target = path === '/jobs' ? job : path
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    let text = ''
    socket.on('data', (chunk) => (text += String(chunk)))
    const asking = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n'
    const statuses = (): unknown[] =>
      [...text.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => Number(status))
    socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\n${asking}\r\n`)
    const known = path === '/jobs' ? 200 : 404
    await until('the first has a reply', () => statuses().length === 1)
    socket.write(
      `POST /jobs HTTP/1.1\r\nHost: a\r\n${asking}Content-Type: application/json\r\nContent-Length: 3\r\n\r\n`,
    )
    socket.write('"b"')
    await until('the second has one', () => statuses().length === 2)
    socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await until('the third has one', () => statuses().length === 3)
    expect(statuses()).toEqual([known, 202, known])
    const client = await openSocket(url + job)
    await client.has('state', 1)
  },
)

test('wrong options are refused with the fix', () => {
  const stream = queue('options')
  const refused =
    (options: object, on: unknown = stream): (() => unknown) =>
    () =>
      acceptSockets(on as Stream<unknown>, options)
  expect(refused({})).toThrow(/acceptSockets secret is undefined: decide who may read and cancel an entry/)
  expect(refused({ secret: SECRET, origins: ['shop.example'] })).toThrow(/acceptSockets origins/)
  expect(refused({ secret: SECRET, payload: () => 1 })).toThrow(/payload/)
  expect(refused({ secret: SECRET, before: 1 })).toThrow(/acceptSockets before/)
  expect(refused({ secret: SECRET }, {})).toThrow(/acceptSockets stream/)
})
