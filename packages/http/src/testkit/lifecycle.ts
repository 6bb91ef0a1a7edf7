import assert from 'node:assert/strict'
import { once } from 'node:events'

import { PASS } from '../answer.ts'
import type { CapturedBody, Exchange, Finish } from '../exchange/exchange.ts'
import type { Handler } from '../plugin.ts'
import { begin, call, open } from './client.ts'
import { claim, type ContractCase, later, type Later, serve } from './contract.ts'

function watching(finishes: Finish[], done: Later<Finish>): Handler {
  return (exchange) => {
    exchange.onFinish((finish) => {
      finishes.push(finish)
      done.resolve(finish)
    })
    return PASS
  }
}

/** How a handler learns what became of a request. */
export const lifecycleCases: readonly ContractCase[] = [
  claim('a finished request tells its status, bytes and time, once', (adapter) => {
    const finishes: Finish[] = []
    const done = later<Finish>()
    return serve(adapter, [watching(finishes, done)], async ({ url }) => {
      await call(`${url}/echo`, { method: 'POST', body: 'füve' })
      const { status, bytesIn, bytesOut, durationMs, aborted, error } = await done.promise
      assert.deepEqual([status, bytesIn, bytesOut, aborted, error], [200, 5, 5, false, undefined])
      assert.ok(durationMs > 0 && durationMs < 10_000)
      assert.equal(finishes.length, 1)
    })
  }),
  claim('bytes are counted without a declared length, and not for a HEAD', (adapter) => {
    const finishes: Finish[] = []
    let done = later<Finish>()
    const watch: Handler = (exchange) => {
      exchange.onFinish((finish) => {
        finishes.push(finish)
        done.resolve(finish)
      })
      return exchange.method === 'HEAD' ? { status: 200, body: 'unsent' } : PASS
    }
    return serve(adapter, [watch], async ({ url }) => {
      await call(`${url}/echo`, { method: 'POST', body: ['four', 'teen bytes'] })
      await done.promise
      done = later<Finish>()
      await call(`${url}/echo`, { method: 'HEAD' })
      await done.promise
      assert.deepEqual(
        finishes.map(({ bytesIn, bytesOut }) => [bytesIn, bytesOut]),
        [
          [14, 14],
          [0, 0],
        ],
      )
    })
  }),
  claim("a reply's and an error's status are told as well", (adapter) => {
    const statuses: number[] = []
    let done = later()
    const watch: Handler = (exchange) => {
      exchange.onFinish(({ status }) => {
        statuses.push(status)
        done.resolve()
      })
      return PASS
    }
    const fail: Handler = ({ path }) => {
      if (path === '/fail') throw new Error('on purpose')
      return { status: 418 }
    }
    return serve(adapter, [watch, fail], async ({ url }) => {
      for (const path of ['/pot', '/fail']) {
        done = later()
        await call(`${url}${path}`)
        await done.promise
      }
      assert.deepEqual(statuses, [418, 500])
    })
  }),
  claim('a listener that comes after the end is called at once', (adapter) => {
    const done = later<Exchange>()
    const watch: Handler = (exchange) => {
      exchange.onFinish(() => done.resolve(exchange))
      return PASS
    }
    return serve(adapter, [watch], async ({ url }) => {
      await call(`${url}/items/7`)
      const exchange = await done.promise
      let late: Finish | undefined
      exchange.onFinish((finish) => {
        late = finish
      })
      assert.equal(late?.status, 200)
      assert.equal(exchange.signal.aborted, false)
    })
  }),
  claim('a client that leaves before the answer aborts the signal and counts as 499', (adapter) => {
    const arrived = later<Exchange>()
    const done = later<Finish>()
    const wait: Handler = async (exchange) => {
      exchange.onFinish(done.resolve)
      const aborted = once(exchange.signal, 'abort')
      arrived.resolve(exchange)
      await aborted
      return { status: 200, body: 'to nobody' }
    }
    return serve(adapter, [wait], async ({ url, errors }) => {
      const sent = begin(url)
      sent.on('error', () => {})
      const exchange = await arrived.promise
      assert.equal(exchange.signal.aborted, false)
      sent.destroy()
      const { status, aborted } = await done.promise
      assert.deepEqual([status, aborted, exchange.signal.aborted], [499, true, true])
      assert.deepEqual(errors, [])
    })
  }),
  claim(
    'a client that leaves in the middle of the response counts as aborted, with the status it got',
    (adapter) => {
      const done = later<Finish>()
      const endless: Handler = (exchange) => {
        exchange.onFinish(done.resolve)
        return { status: 200, stream: (writer) => writer.write('begun') }
      }
      return serve(adapter, [endless], async ({ url }) => {
        const response = await open(url)
        await once(response, 'data')
        response.destroy()
        const { status, aborted, bytesOut } = await done.promise
        assert.deepEqual([status, aborted, bytesOut], [200, true, 5])
      })
    },
  ),
  claim('a captured body is what the client got', (adapter) => {
    const captured = later<CapturedBody>()
    const capture: Handler = (exchange) => {
      void exchange.captureBody(1000).then(captured.resolve)
      return PASS
    }
    return serve(adapter, [capture], async ({ url }) => {
      const { text } = await call(`${url}/items/7`)
      const { status, complete, body } = await captured.promise
      assert.deepEqual([status, complete, Buffer.from(body).toString()], [200, true, text])
    })
  }),
  claim('a body over the capture limit goes out whole and is not kept', (adapter) => {
    const captured = later<CapturedBody>()
    const capture: Handler = (exchange) => {
      void exchange.captureBody(10).then(captured.resolve)
      return PASS
    }
    return serve(adapter, [capture], async ({ url }) => {
      const { text } = await call(`${url}/echo`, { method: 'POST', body: 'x'.repeat(11) })
      const { complete, body } = await captured.promise
      assert.deepEqual([text.length, complete, body.byteLength], [11, false, 0])
    })
  }),
]
