import assert from 'node:assert/strict'

import { PASS } from '../answer.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Handler } from '../plugin.ts'
import { call, httpGet, raw } from './client.ts'
import { claim, type ContractCase, hasClients, later, serve } from './contract.ts'

/** Answers with what `look` sees of the exchange. */
function seen(look: (exchange: Exchange) => unknown): Handler {
  return async (exchange) => ({ status: 200, body: { seen: await look(exchange) } })
}

const body = (limitBytes: number): Handler =>
  seen(async (exchange) => Buffer.from(await exchange.rawBody(limitBytes)).toString())

/** What a request looks like to a handler. */
export const requestCases: readonly ContractCase[] = [
  claim('a handler gets method, url, path, query and headers as the client sent them', (adapter) =>
    serve(
      adapter,
      [seen(({ method, url, path, query, header }) => [method, url, path, query.getAll('q'), typeof header])],
      async ({ url }) => {
        const { text } = await call(`${url}/a%20b/c?q=1&q=%C3%BC`, { method: 'POST' })
        assert.deepEqual(JSON.parse(text), {
          seen: ['POST', '/a%20b/c?q=1&q=%C3%BC', '/a%20b/c', ['1', 'ü'], 'function'],
        })
      },
    ),
  ),
  claim(
    'an absolute target loses its scheme, user and host',
    (adapter) =>
      serve(adapter, [seen(({ url, path, query }) => [url, path, query.get('q')])], async ({ url }) => {
        for (const [target, expected] of [
          [
            'http://ann:secret@x/api/search?q=http://y/z',
            ['/api/search?q=http://y/z', '/api/search', 'http://y/z'],
          ],
          ['HTTPS://x?q=1', ['/?q=1', '/', '1']],
          ['http://x', ['/', '/', null]],
          ['/api/search#part?q=1', ['/api/search', '/api/search', null]],
          ['//x/api/search', ['//x/api/search', '//x/api/search', null]],
          ['http://x/api\\search', ['/api/search', '/api/search', null]],
          ['/API/%61?q=%20', ['/API/%61?q=%20', '/API/%61', ' ']],
        ] as const) {
          const client = raw(url, httpGet(target, '1.1', 'Connection: close\r\n'))
          await client.closed
          assert.deepEqual(JSON.parse(client.text.slice(client.text.indexOf('{'))), { seen: expected })
        }
      }),
    ({ passesTargets = true }) => passesTargets,
  ),
  claim('a header is found by its name in any case', (adapter) =>
    serve(
      adapter,
      [seen((exchange) => [exchange.header('X-Some-Thing'), exchange.header('x-none')])],
      async ({ url }) => {
        const { text } = await call(url, { headers: { 'x-SOME-thing': 'here' } })
        assert.deepEqual(JSON.parse(text), { seen: ['here', null] })
      },
    ),
  ),
  claim('below a mount point the path is whole', (adapter) =>
    serve(
      adapter,
      [seen(({ path, query }) => [path, query.get('q')])],
      async ({ url }) => {
        const { text } = await call(`${url}/api/items/7?q=1`)
        assert.deepEqual(JSON.parse(text), { seen: ['/api/items/7', '1'] })
      },
      { mount: '/api' },
    ),
  ),
  claim('all handlers of a request share one exchange', (adapter) => {
    const exchanges: Exchange[] = []
    const keep: Handler = (exchange) => {
      exchanges.push(exchange)
      return PASS
    }
    return serve(adapter, [keep, keep], async ({ url }) => {
      await call(url)
      assert.equal(exchanges.length, 2)
      assert.equal(exchanges[0], exchanges[1])
    })
  }),
  claim(
    "the matched route's pattern is known when the request has finished",
    (adapter) => {
      const route = later<string | undefined>()
      const watch: Handler = (exchange) => {
        exchange.onFinish(() => route.resolve(exchange.route()))
        return PASS
      }
      return serve(
        adapter,
        [watch],
        async ({ url }) => {
          await call(`${url}/api/items/7`)
          assert.equal(await route.promise, '/api/items/:id')
        },
        { mount: '/api' },
      )
    },
    ({ knowsRoutes }) => knowsRoutes,
  ),
  claim("the ip is the socket's, whatever the client claims", (adapter) =>
    serve(adapter, [seen(({ ip }) => ip)], async ({ url }) => {
      const { text } = await call(url, { headers: { 'x-forwarded-for': '203.0.113.9' } })
      assert.match(text, /"(::ffff:)?127\.0\.0\.1"/)
    }),
  ),
  claim(
    'behind a trusted proxy the ip is the one that the proxy wrote',
    (adapter) =>
      serve(
        adapter,
        [seen(({ ip }) => ip)],
        async ({ url }) => {
          const { text } = await call(url, { headers: { 'x-forwarded-for': '198.51.100.1, 203.0.113.9' } })
          assert.deepEqual(JSON.parse(text), { seen: '203.0.113.9' })
        },
        { trustProxy: true },
      ),
    ({ knowsProxies }) => knowsProxies,
  ),
  claim('a raw body can be read again by the next reader', (adapter) => {
    const bodies: string[] = []
    const look: Handler = async (exchange) => {
      bodies.push(Buffer.from(await exchange.rawBody(1_000_000)).toString())
      return PASS
    }
    const long = 'ü'.repeat(100_000)
    return serve(adapter, [look, look], async ({ url }) => {
      for (const sent of ['short', long, ['in ', 'chunks ', long]]) {
        const whole = typeof sent === 'string' ? sent : sent.join('')
        const { text } = await call(`${url}/echo`, { method: 'POST', body: sent })
        assert.equal(text, whole)
        assert.deepEqual(bodies.splice(0), [whole, whole])
      }
    })
  }),
  claim(
    'a client of HTTP/1 that writes HTTP/2.0 in its request is served as any other',
    (adapter) =>
      serve(adapter, [body(10)], async ({ url }) => {
        const head = 'POST /echo HTTP/2.0\r\nHost: x\r\nConnection: close\r\nContent-Length: 4'
        const client = raw(url, `${head}\r\n\r\nbody`)
        await client.closed
        assert.match(client.text, /^HTTP\/1\.1 200 [^]*\{"seen":"body"\}/)
      }),
    hasClients,
  ),
  claim('a request without a body has an empty raw body', (adapter) =>
    serve(adapter, [body(10)], async ({ url }) => {
      assert.deepEqual(JSON.parse((await call(url)).text), { seen: '' })
      assert.deepEqual(JSON.parse((await call(url, { method: 'POST', body: [] })).text), { seen: '' })
    }),
  ),
  claim('a raw body over the limit is refused with 413, by its declared length or as it arrives', (adapter) =>
    serve(adapter, [body(10)], async ({ url }) => {
      assert.equal((await call(`${url}/echo`, { method: 'POST', body: 'x'.repeat(11) })).status, 413)
      assert.equal((await call(`${url}/echo`, { method: 'POST', body: ['xxxxxx', 'xxxxx'] })).status, 413)
      assert.equal((await call(`${url}/echo`, { method: 'POST', body: ['xxxxxx', 'xxxx'] })).status, 200)
    }),
  ),
  claim('a raw body that a parser left as text is used', (adapter) =>
    serve(
      adapter,
      [body(100)],
      async ({ url }) => {
        const { text } = await call(`${url}/echo`, {
          method: 'POST',
          headers: { 'content-type': 'text/plain' },
          body: 'kept',
        })
        assert.deepEqual(JSON.parse(text), { seen: 'kept' })
      },
      { bodyParser: 'text' },
    ),
  ),
  claim('a raw body that a parser read before is an error with the fix', (adapter) =>
    serve(
      adapter,
      [body(100)],
      async ({ url, errors }) => {
        const headers = { 'content-type': 'application/json' }
        const { status } = await call(`${url}/echo`, { method: 'POST', headers, body: '{"a":1}' })
        assert.equal(status, 500)
        assert.match(String(errors[0]), /Mount the penknife middleware above it/)
      },
      { bodyParser: 'json' },
    ),
  ),
]
