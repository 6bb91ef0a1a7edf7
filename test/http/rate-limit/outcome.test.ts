import { createServer, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

import type { Duration } from '@penknife/core'
import type { Finish, Handler, RateLimitOptions } from '@penknife/http'
import { adapt, PASS, rateLimit } from '@penknife/http'
import { rateLimitPlugin } from '@penknife/http/adapter'
import { begin, call, type Called, httpGet, raw, type RunningServer } from '@penknife/http/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'

import { type Deferred, deferred } from '../../support/deferred.ts'
import { bundledProgram, runProgram } from '../../support/program.ts'
import { until } from '../../support/until.ts'
import { connected, frameworks, type TestServer } from '../frameworks.ts'
import { start, useFeatures } from '../setup.ts'

const features = useFeatures()
type Limiter = ReturnType<typeof features.limiter>

/** For slow tests of what no adapter has a part in. */
const plain = frameworks.find(({ name }) => name === 'node:http') as (typeof frameworks)[number]

/** The address of every client here. */
const CLIENT = '127.0.0.1'

const guard = (): Limiter =>
  features.limiter({ name: 'login', rules: [{ name: 'tries', limit: 3, window: '1h' }] })

const busy = (limit: number, lease: Duration = '1m'): Limiter =>
  features.limiter({ name: 'busy', rules: [{ name: 'calls', algorithm: 'concurrency', limit, lease }] })

async function left(limiter: Limiter): Promise<number> {
  return (await limiter.take(CLIENT, { cost: 0 })).remaining
}

const failsWhenAsked: Handler = ({ path }) => {
  if (path === '/throw') throw new Error('on purpose')
  return PASS
}

/** A handler that keeps requests of the path '/items/kept' open until the test continues them. */
function holding(): {
  readonly handler: Handler
  readonly arrived: Deferred
  readonly go: Deferred
  count: number
} {
  const pending = {
    arrived: deferred(),
    go: deferred(),
    count: 0,
    handler: (async ({ path, signal }) => {
      if (path !== '/items/kept') return PASS
      pending.count++
      pending.arrived.resolve()
      await Promise.race([
        pending.go.promise,
        new Promise((resolve) => signal.addEventListener('abort', resolve)),
      ])
      return PASS
    }) as Handler,
  }
  return pending
}

function item(server: RunningServer, name: string): Promise<Called> {
  return call(`${server.url}/items/${name}`)
}

describe.each(frameworks)('refundIf on $name', (adapter) => {
  const serve = (limiter: Limiter, refundIf: RateLimitOptions['refundIf'], ...more: readonly Handler[]) =>
    start(adapter, [rateLimitPlugin.setup(limiter, refundIf ? { refundIf } : {}), ...more, failsWhenAsked])

  test('a login guard counts failures only', async () => {
    const limiter = guard()
    const server = await serve(limiter, ({ status }) => status < 400)
    for (let nth = 1; nth <= 5; nth++) {
      expect((await item(server, 'right')).status).toBe(200)
      await until('the success is given back', async () => (await left(limiter)) === 3)
    }
    for (const path of ['wrong', 'throw', 'wrong']) await call(`${server.url}/${path}`)
    expect((await item(server, 'right')).status).toBe(429)
    expect(await left(limiter)).toBe(0)
  })

  test('costAfter settles an estimate by the response, into debt if it must, and failures count double', async () => {
    const limiter = features.limiter({ name: 'login', rules: [{ name: 'tries', limit: 10, window: '1h' }] })
    const costs: NonNullable<RateLimitOptions['costAfter']>[] = [
      ({ status }) => (status >= 400 ? 2 : 0),
      async () => 25,
      () => -1,
    ]
    const [double, heavy, broken] = await Promise.all(
      costs.map((costAfter) =>
        start(adapter, [rateLimitPlugin.setup(limiter, { costAfter }), failsWhenAsked]),
      ),
    )
    await call(`${double?.url}/throw`)
    await until('a failure is charged twice', async () => (await left(limiter)) === 8)
    await item(double as RunningServer, 'right')
    await until('a success is given back', async () => (await left(limiter)) === 8)
    await item(broken as RunningServer, 'right')
    expect(await left(limiter)).toBe(7)
    await item(heavy as RunningServer, 'right')
    await until('the debt is charged', async () => {
      const { rules } = await limiter.take(CLIENT, { cost: 0 })
      return rules[0]?.remaining === 0 && (rules[0]?.resetMs ?? 0) > 6_000_000
    })
    // 3 + 25 tokens, of which 20 are the most that a subject can owe.
    const { status, headers } = await item(heavy as RunningServer, 'right')
    expect([status, Number(headers['retry-after']) > 3600]).toEqual([429, true])
  })

  test('refundIf is called for a disconnected client too, which stays counted by its status', async () => {
    const limiter = guard()
    const pending = holding()
    const seen = deferred<Finish>()
    const server = await serve(
      limiter,
      (finish) => {
        seen.resolve(finish)
        return finish.status < 400
      },
      pending.handler,
    )
    const sent = begin(`${server.url}/items/kept`)
    sent.on('error', () => {})
    await pending.arrived.promise
    sent.destroy()
    expect(await seen.promise).toMatchObject({ status: 499, aborted: true })
    expect(await left(limiter)).toBe(2)
    expect(server.errors).toEqual([])
  })

  test('all tokens of a client that disconnects can be given back', async () => {
    const limiter = guard()
    const pending = holding()
    const options: RateLimitOptions = { cost: 2, refundIf: ({ aborted }) => aborted }
    const server = await start(adapter, [rateLimitPlugin.setup(limiter, options), pending.handler])
    const sent = begin(`${server.url}/items/kept`)
    sent.on('error', () => {})
    await pending.arrived.promise
    expect(await left(limiter)).toBe(1)
    sent.destroy()
    await until('they are back', async () => (await left(limiter)) === 3)
  })

  test.runIf(adapter === plain)(
    'a late success gives back no token that came back with time before',
    async () => {
      const perMs = 3 / 2000
      const limiter = features.limiter({ name: 'late', rules: [{ name: 'rate', limit: 3, window: '2s' }] })
      const pending = holding()
      let asked = 0
      const refundIf = ({ status }: Finish): boolean => (asked++, status < 400)
      const server = await serve(limiter, refundIf, pending.handler)
      const slow = [1, 2, 3].map(() => item(server, 'kept'))
      await until('all three were let through', () => pending.count === 3)
      await until('time gave their tokens back', async () => (await left(limiter)) === 3)
      const takenAt = performance.now()
      expect(await limiter.take(CLIENT, { cost: 3 })).toMatchObject({ allowed: true })
      pending.go.resolve()
      for (const { status } of await Promise.all(slow)) expect(status).toBe(200)
      await until('all three were asked about', () => asked === 3)
      const now = await left(limiter)
      expect(now).toBeLessThanOrEqual(Math.floor((performance.now() - takenAt) * perMs))
    },
  )

  test('a denied request has nothing to give back', async () => {
    const limiter = guard()
    let asked = 0
    const server = await serve(limiter, () => {
      asked++
      return false
    })
    for (let nth = 1; nth <= 5; nth++) await item(server, '7')
    await until('all were asked', () => asked === 3)
    expect(await left(limiter)).toBe(0)
  })
})

describe.each(frameworks)('concurrency on $name', (adapter) => {
  async function setUp(limiter: Limiter) {
    const pending = holding()
    const server = await start(adapter, [rateLimitPlugin.setup(limiter), pending.handler, failsWhenAsked])
    const free = (): Promise<void> =>
      until('the slot is free', async () => (await item(server, '7')).status === 200)
    return { pending, server, free }
  }

  test('as many requests as there are slots are served at once, and the next when one is finished', async () => {
    const { pending, server, free } = await setUp(busy(2))
    const inFlight = [item(server, 'kept'), item(server, 'kept')]
    await until('both are served', () => pending.count === 2)
    const { status, headers, text } = await item(server, '7')
    expect(status).toBe(429)
    expect(headers['ratelimit-policy']).toBe('"calls";q=2;qu="concurrent-requests"')
    expect(headers['ratelimit']).toBe('"calls";r=0')
    expect(JSON.parse(text)).toMatchObject({ 'violated-policies': ['calls'] })
    pending.go.resolve()
    expect((await Promise.all(inFlight)).map((answer) => answer.status)).toEqual([200, 200])
    await free()
  })

  test('the slot of a client that disconnects is given back', async () => {
    const { pending, server, free } = await setUp(busy(1))
    const sent = begin(`${server.url}/items/kept`)
    sent.on('error', () => {})
    await pending.arrived.promise
    expect((await item(server, '7')).status).toBe(429)
    sent.destroy()
    await free()
  })

  test('the slot of a handler that throws is given back', async () => {
    const { server, free } = await setUp(busy(1))
    expect((await call(`${server.url}/throw`)).status).toBe(500)
    await free()
  })

  test('the slot of a socket that the server destroys is given back', async () => {
    const destroying: Handler = (exchange) => {
      if (exchange.path === '/destroyed') server.responses[0]?.req.socket.destroy()
      return PASS
    }
    const server: TestServer = await start(adapter, [rateLimitPlugin.setup(busy(1)), destroying])
    await expect(call(`${server.url}/destroyed`)).rejects.toThrow(/hang up|ECONNRESET/)
    await until('the slot is free', async () => (await item(server, '7')).status === 200)
  })

  test('the slot of a client that disconnects while Redis decides is given back', async () => {
    const limiter = busy(1)
    const limit = rateLimitPlugin.setup(limiter)
    const decided = deferred()
    const leaving: Handler = async (exchange) => {
      if (exchange.path !== '/items/kept') return limit(exchange)
      // Known before it leaves, as by a request log.
      expect(exchange.ip).toBe(CLIENT)
      const answer = limit(exchange)
      server.responses[0]?.req.socket.destroy()
      await answer
      decided.resolve()
      return answer
    }
    const server: TestServer = await start(adapter, [leaving])
    await expect(item(server, 'kept')).rejects.toThrow(/hang up|ECONNRESET/)
    await decided.promise
    await until('the slot is free', async () => (await item(server, '7')).status === 200)
    expect(server.errors).toEqual([])
  })

  test.runIf(connected.includes(adapter))(
    'a socket that the application takes over keeps its slot until it closes',
    async () => {
      const taken = deferred<Socket>()
      const takingOver: Handler = ({ path, request, response }) => {
        if (path !== '/tunnel') return PASS
        const { socket } = request
        ;(response as ServerResponse).detachSocket(socket)
        taken.resolve(socket)
        return new Promise(() => {})
      }
      const finish = deferred<Finish>()
      const watching: Handler = (exchange) => {
        if (exchange.path === '/tunnel') exchange.onFinish(finish.resolve)
        return PASS
      }
      const server = await start(adapter, [watching, rateLimitPlugin.setup(busy(1)), takingOver])
      const client = raw(server.url, httpGet('/tunnel'))
      const socket = await taken.promise
      socket.write('the application speaks')
      await until('the text arrived', () => client.text === 'the application speaks')
      expect((await item(server, '7')).status).toBe(429)
      client.socket.destroy()
      await until('the slot is free', async () => (await item(server, '7')).status === 200)
      expect(await finish.promise).toMatchObject({ status: 101, aborted: false })
    },
  )
})

describe.each([
  ['a response with the socket', (response: ServerResponse, socket: Socket) => response.assignSocket(socket)],
  ['a response without it', () => {}],
])('an upgraded connection, limited through %s,', (_, prepare) => {
  test('keeps its slot until it closes', async () => {
    const finishes: Finish[] = []
    const watch = adapt({
      name: 'watch',
      setup: () => (exchange) => {
        if (exchange.request.headers.upgrade) exchange.onFinish((finish) => finishes.push(finish))
        return PASS
      },
    })()
    const limit = rateLimit(busy(1))
    const server = createServer((request, response) => {
      void limit(request, response).then((goesOn) => goesOn && response.end('a page'))
    })
    server.on('upgrade', (request, stream) => {
      const socket = stream as Socket
      const response = new ServerResponse(request)
      prepare(response, socket)
      void watch(request, response)
      void limit(request, response).then((goesOn) => {
        if (!goesOn) return socket.destroy()
        // Node leaves the half of an upgraded connection open that its client did not end.
        socket.on('end', () => socket.end())
        socket.on('data', (bytes) => socket.write(`echo ${String(bytes)}`))
        return socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n',
        )
      })
    })
    await new Promise<void>((resolve) => server.listen(0, CLIENT, resolve))
    onTestFinished(() => void server.close())
    const url = `http://${CLIENT}:${(server.address() as AddressInfo).port}`
    const upgrade = httpGet('/', '1.1', 'Connection: Upgrade\r\nUpgrade: echo\r\n')
    const client = raw(url, upgrade)
    await until('it is upgraded', () => client.text.includes('101'))
    client.socket.write('hello')
    await until('the text arrived', () => client.text.endsWith('echo hello'))
    expect((await call(url)).status).toBe(429)
    // Another upgrade is refused, and keeps no slot.
    const refused = raw(url, upgrade)
    await refused.closed
    client.socket.destroy()
    await until('the slot is free', async () => (await call(url)).status === 200)
    const [, taken] = finishes.toSorted((a, b) => b.status - a.status)
    expect(finishes.length).toBe(2)
    expect(taken).toMatchObject({ status: 101, aborted: false })
  })
})

test('a request that outlasts its lease keeps its slot', async () => {
  // Long enough for a busy machine to renew it in time.
  const leaseMs = 1000
  const pending = holding()
  const server = await start(plain, [rateLimitPlugin.setup(busy(1, `${leaseMs}ms`)), pending.handler])
  const inFlight = item(server, 'kept')
  await pending.arrived.promise
  const began = performance.now()
  await until('the first lease would have ended twice', () => performance.now() - began > 2.2 * leaseMs)
  expect((await item(server, '7')).status).toBe(429)
  pending.go.resolve()
  expect((await inFlight).status).toBe(200)
  await until('the slot is free', async () => (await item(server, '7')).status === 200)
})

test('the slot of a process that dies is given back when the lease ends', async () => {
  await using program = runProgram(bundledProgram('holding-server'), {
    REDIS: features.server.socket,
  })
  const url = await program.printed(/http:\S+/)
  const sent = begin(`${url}/`)
  sent.on('error', () => {})
  await program.printed(/holding/)
  const limiter = busy(1, '500ms')
  expect((await limiter.take(CLIENT)).allowed).toBe(false)
  await program.kill()
  await until('its lease ended', async () => (await limiter.take(CLIENT)).allowed)
})
