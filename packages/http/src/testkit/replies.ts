import assert from 'node:assert/strict'

import { PASS, type Reply } from '../answer.ts'
import { HttpError } from '../http-error.ts'
import type { Handler } from '../plugin.ts'
import { call } from './client.ts'
import { claim, type ContractCase, serve } from './contract.ts'

const pass: Handler = () => PASS

/** What becomes of a handler's answer. */
export const replyCases: readonly ContractCase[] = [
  claim('a handler that passes leaves the answer to the application', (adapter) =>
    serve(adapter, [pass, async () => PASS], async ({ url }) => {
      const { status, text } = await call(`${url}/items/7`)
      assert.equal(status, 200)
      assert.deepEqual(JSON.parse(text), { id: '7' })
      assert.equal((await call(`${url}/nowhere`)).status, 404)
      assert.equal((await call(`${url}/echo`, { method: 'POST', body: 'hello' })).text, 'hello')
    }),
  ),
  claim('a reply is the response, and no later handler is called', (adapter) => {
    let asked = 0
    const count: Handler = () => {
      asked++
      return PASS
    }
    const teapot: Handler = () => ({
      status: 418,
      headers: { 'X-Pot': 'short', 'X-Two': ['a', 'b'] },
      body: 'stout',
    })
    return serve(adapter, [teapot, count], async ({ url }) => {
      const { status, headers, text } = await call(`${url}/items/7`)
      assert.deepEqual([status, headers['x-pot'], headers['x-two'], text], [418, 'short', 'a, b', 'stout'])
      assert.match(headers['content-type'] ?? '', /^text\/plain/)
      assert.equal(headers['content-length'], '5')
      assert.equal(asked, 0)
    })
  }),
  claim('a body that is neither text nor bytes is sent as JSON', (adapter) =>
    serve(adapter, [() => ({ status: 200, body: { list: [1, 'zwei'] } })], async ({ url }) => {
      const { headers, text } = await call(url)
      assert.match(headers['content-type'] ?? '', /^application\/json/)
      assert.deepEqual(JSON.parse(text), { list: [1, 'zwei'] })
    }),
  ),
  claim('bytes are sent as they are, with the content type of the reply', (adapter) => {
    const headers = { 'content-type': 'image/x-nothing' }
    return serve(
      adapter,
      [() => ({ status: 200, headers, body: new Uint8Array([104, 105]) })],
      async ({ url }) => {
        const called = await call(url)
        assert.deepEqual([called.headers['content-type'], called.text], ['image/x-nothing', 'hi'])
      },
    )
  }),
  claim('a reply without a body has its status and nothing more', (adapter) =>
    serve(adapter, [() => ({ status: 202 })], async ({ url }) => {
      const { status, text } = await call(url)
      assert.deepEqual([status, text], [202, ''])
    }),
  ),
  claim('a HEAD request gets the headers of the reply only', (adapter) =>
    serve(adapter, [() => ({ status: 200, body: 'four' })], async ({ url }) => {
      const { headers, text } = await call(url, { method: 'HEAD' })
      assert.deepEqual([headers['content-length'], text], ['4', ''])
    }),
  ),
  claim("headers set on the exchange are in the application's answer and in a reply", (adapter) => {
    const mark: Handler = (exchange) => {
      exchange.setHeader('X-Mark', 'seen')
      exchange.appendHeader('X-List', exchange.method)
      return PASS
    }
    const answer: Handler = ({ path }) => (path === '/reply' ? { status: 200, body: '' } : PASS)
    return serve(adapter, [mark, mark, answer], async ({ url }) => {
      for (const path of ['/reply', '/items/7']) {
        const { headers } = await call(`${url}${path}`)
        assert.deepEqual([headers['x-mark'], headers['x-list']], ['seen', 'GET, GET'])
      }
    })
  }),
  claim('a wrong answer is an error that names the right one', (adapter) => {
    const answers: Record<string, unknown> = {
      '/undefined': undefined,
      '/true': true,
      '/text': 'slow',
      '/null': null,
      '/empty': {},
      '/status': { status: '429' },
      '/early': { status: 101 },
      '/stream': { status: 200, stream: 'x' },
    }
    const wrong: Handler = ({ path }) => (path in answers ? (answers[path] as Reply) : PASS)
    return serve(adapter, [wrong], async ({ url, errors }) => {
      for (const path of Object.keys(answers)) assert.equal((await call(url + path)).status, 500)
      assert.equal(errors.length, Object.keys(answers).length)
      for (const error of errors.slice(0, -1)) assert.match(String(error), /answer with a reply such as/)
      assert.match(String(errors.at(-1)), /give a function of the writer/)
    })
  }),
  claim("the framework's error handling gets the error of a handler, thrown or rejected", (adapter) => {
    const first = new Error('thrown')
    const second = new HttpError(409, 'rejected')
    const fail: Handler = ({ path }) => {
      if (path === '/throw') throw first
      return path === '/reject' ? Promise.reject(second) : PASS
    }
    return serve(adapter, [fail], async ({ url, errors }) => {
      assert.equal((await call(`${url}/throw`)).status, 500)
      assert.equal((await call(`${url}/reject`)).status, 409)
      assert.deepEqual([errors[0] === first, errors[1] === second, errors.length], [true, true, 2])
      assert.equal((await call(`${url}/items/7`)).status, 200)
    })
  }),
]
