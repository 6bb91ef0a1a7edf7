import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'

import { PASS } from '../answer.ts'
import type { Handler } from '../plugin.ts'
import type { RequestEntry } from '../request-log/entry.ts'
import type { RequestLogOptions } from '../request-log/options.ts'
import { requestLogPlugin } from '../request-log/plugin.ts'
import { begin, call, httpGet, open, raw } from './client.ts'
import { claim, type ContractCase, hasClients, knowsConnections, later, serve } from './contract.ts'

interface Log {
  readonly handler: Handler
  /** Resolves with the entries, once there are this many. */
  entries(count: number): Promise<readonly RequestEntry[]>
}

function logged(options: RequestLogOptions = {}): Log {
  const entries: RequestEntry[] = []
  const add = async (entry: RequestEntry): Promise<unknown> => entries.push(entry)
  return {
    handler: requestLogPlugin.setup({ add }, { flushInterval: 1, ...options }),
    async entries(count) {
      for (let tries = 0; entries.length < count && tries < 2000; tries++) await delay(5)
      // Nothing may follow.
      await delay(10)
      assert.equal(entries.length, count, JSON.stringify(entries))
      return entries
    },
  }
}

const numbers = ({ status, bytesIn, bytesOut, aborted }: RequestEntry): unknown => [
  status,
  bytesIn,
  bytesOut,
  aborted,
]

/** Each request is one entry of a request log, whatever becomes of it. */
export const requestLogCases: readonly ContractCase[] = [
  claim('the entry of a request has all its fields, whole also below a mount point', (adapter) => {
    const log = logged({ query: ['page'], user: ({ header }) => (typeof header === 'function' ? 'ann' : '') })
    const before = Date.now()
    return serve(
      adapter,
      [log.handler],
      async ({ url }) => {
        const traceparent = `00-${'a1'.repeat(16)}-${'b2'.repeat(8)}-01`
        const headers = { 'user-agent': 'a test', 'x-request-id': 'r-1', traceparent }
        const answer = await call(`${url}/api/items/7?page=2&x=1`, { headers })
        assert.equal(answer.headers['x-request-id'], 'r-1')
        const [{ at, durationMs, ip, userAgent, ...entry }] = (await log.entries(1)) as [RequestEntry]
        // Gateways of whole messages may keep it to themselves.
        if (!adapter.wholeMessages) assert.equal(userAgent, 'a test')
        assert.ok(at >= before && at <= Date.now() && durationMs >= 0 && durationMs < 10_000)
        if (ip !== undefined) assert.equal(ip, '127.0.0.1')
        assert.deepEqual(entry, {
          method: 'GET',
          path: '/api/items/7',
          ...(adapter.knowsRoutes ? { route: '/api/items/:id' } : {}),
          status: 200,
          bytesIn: 0,
          bytesOut: 10,
          aborted: false,
          id: 'r-1',
          user: 'ann',
          query: { page: '2' },
          trace: { id: 'a1'.repeat(16), parent: 'b2'.repeat(8), sampled: true },
        })
      },
      { mount: '/api' },
    )
  }),
  claim('a malformed request id is replaced; the response and the entry have the new one', (adapter) => {
    const log = logged()
    return serve(adapter, [log.handler], async ({ url }) => {
      const answer = await call(`${url}/items/7`, { headers: { 'x-request-id': 'a b"c' } })
      const [entry] = await log.entries(1)
      assert.match(String(answer.headers['x-request-id']), /^[\w-]{10,20}$/)
      assert.equal(entry?.id, answer.headers['x-request-id'])
    })
  }),
  claim('replies, errors, unknown paths, bodies and HEAD are one entry each', (adapter) => {
    const log = logged()
    const answer: Handler = ({ path, method }) => {
      if (path === '/fail') throw new TypeError('on purpose, token=hunter2')
      if (method === 'HEAD') return { status: 200, body: 'unsent' }
      return path === '/pot' ? { status: 418, body: 'teapot' } : PASS
    }
    return serve(adapter, [log.handler, answer], async ({ url }) => {
      const paths = ['/pot', '/fail', '/nowhere'] as const
      for (const [at, path] of paths.entries()) {
        await call(`${url}${path}`)
        await log.entries(at + 1)
      }
      await call(`${url}/echo`, { method: 'POST', body: ['four', 'teen bytes'] })
      await log.entries(4)
      await call(`${url}/echo`, { method: 'HEAD' })
      const entries = await log.entries(5)
      assert.deepEqual(
        entries.map(({ status, aborted }) => [status, aborted]),
        [418, 500, 404, 200, 200].map((status) => [status, false]),
      )
      assert.deepEqual(entries[1]?.error, { name: 'TypeError', message: 'on purpose, token=[redacted]' })
      assert.deepEqual(numbers(entries[0] as RequestEntry), [418, 0, 6, false])
      assert.deepEqual(numbers(entries[3] as RequestEntry), [200, 14, 14, false])
      assert.deepEqual(numbers(entries[4] as RequestEntry), [200, 0, 0, false])
    })
  }),
  claim('a streamed response is one entry, when its last byte was sent', (adapter) => {
    const log = logged()
    const stream: Handler = () => ({
      status: 200,
      async stream(writer) {
        writer.write('one')
        await delay(20)
        writer.write('two')
        writer.end()
      },
    })
    return serve(adapter, [log.handler, stream], async ({ url }) => {
      assert.equal((await call(url)).text, 'onetwo')
      const [entry] = (await log.entries(1)) as [RequestEntry]
      assert.deepEqual(numbers(entry), [200, 0, 6, false])
      assert.ok(entry.durationMs >= 18)
    })
  }),
  claim(
    'a request that is never answered is one entry when its client leaves, with status 499',
    (adapter) => {
      const log = logged()
      const arrived = later()
      const never: Handler = ({ signal }) => {
        void signal
        arrived.resolve()
        return new Promise(() => {})
      }
      return serve(adapter, [log.handler, never], async ({ url }) => {
        const sent = begin(url).on('error', () => {})
        await arrived.promise
        sent.destroy()
        const [entry] = await log.entries(1)
        assert.deepEqual(numbers(entry as RequestEntry), [499, 0, 0, true])
      })
    },
    hasClients,
  ),
  claim(
    'a response that the client breaks off is one entry, aborted, with the status that it got',
    (adapter) => {
      const log = logged()
      const endless: Handler = () => ({ status: 200, stream: (writer) => writer.write('begun') })
      return serve(adapter, [log.handler, endless], async ({ url }) => {
        const response = await open(url)
        await once(response, 'data')
        response.destroy()
        const [entry] = await log.entries(1)
        assert.deepEqual(numbers(entry as RequestEntry), [200, 0, 5, true])
      })
    },
    hasClients,
  ),
  claim(
    'pipelined requests are one entry each, also when the client leaves before their turn',
    (adapter) => {
      const log = logged()
      const arrived = later()
      let count = 0
      const answer: Handler = ({ path }) => {
        if (++count === 3) arrived.resolve()
        return path === '/1' ? { status: 200, body: 'one' } : new Promise(() => {})
      }
      return serve(adapter, [log.handler, answer], async ({ url }) => {
        const client = raw(url, httpGet('/1') + httpGet('/2') + httpGet('/3'))
        await arrived.promise
        await log.entries(1)
        client.socket.destroy()
        const entries = await log.entries(3)
        assert.deepEqual(
          entries.map(({ path, status, aborted }) => `${path} ${status} ${aborted}`).toSorted(),
          ['/1 200 false', '/2 499 true', '/3 499 true'],
        )
      })
    },
    knowsConnections,
  ),
  claim('no header, query value or body of a client is in an entry', (adapter) => {
    const log = logged({ query: ['next'], fields: () => ({ apiKey: 'hunter2', note: 'password=hunter2' }) })
    return serve(adapter, [log.handler], async ({ url }) => {
      const headers = {
        authorization: 'Bearer hunter2hunter2',
        COOKIE: 'session=hunter2',
        'X-API-Key': 'hunter2',
        'user-agent': 'agent?token=hunter2',
      }
      const path = '/echo;to%6ben=hunter2?token=hunter2&next=%2Fcb%3Facc%2565ss_token%3Dhunter2'
      await call(`${url}${path}`, { method: 'POST', headers, body: 'hunter2' })
      const text = JSON.stringify(await log.entries(1))
      assert.doesNotMatch(text, /hunter2/)
      assert.match(text, /redacted/)
    })
  }),
  claim('left out: paths of assets and health checks, unless they fail or change something', (adapter) => {
    const log = logged({ skip: ['/items/health', '/assets/*', '*.css'] })
    return serve(adapter, [log.handler], async ({ url }) => {
      await call(`${url}/items/health`)
      await call(`${url}/items/7.css`)
      await call(`${url}/assets/missing`)
      await call(`${url}/items/7`)
      const entries = await log.entries(2)
      assert.deepEqual(
        entries.map(({ path }) => path),
        ['/assets/missing', '/items/7'],
      )
    })
  }),
]
