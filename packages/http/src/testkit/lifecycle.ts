import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'

import { PASS } from '../answer.ts'
import type { CapturedBody, Exchange, Finish } from '../exchange/exchange.ts'
import type { HttpError } from '../http-error.ts'
import type { Handler } from '../plugin.ts'
import { begin, call, httpGet, open, raw } from './client.ts'
import {
  claim,
  type ContractCase,
  hasClients,
  knowsConnections,
  later,
  type Later,
  serve,
} from './contract.ts'

function watching(finishes: Finish[], done: Later<Finish>): Handler {
  return (exchange) => {
    exchange.onFinish((finish) => {
      finishes.push(finish)
      done.resolve(finish)
    })
    return PASS
  }
}

/** How a handler observes the end of a request. */
export const lifecycleCases: readonly ContractCase[] = [
  claim('onFinish gets the status, bytes and time of a request, once', (adapter) => {
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
  claim('onFinish gets the status of a reply and of an error', (adapter) => {
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
  claim('a listener that is added after the end is called at once', (adapter) => {
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
  claim(
    'a client that leaves before the answer aborts the signal and counts as 499',
    (adapter) => {
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
    },
    hasClients,
  ),
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
    hasClients,
  ),
  claim(
    'pipelined requests end when the client leaves',
    (adapter) => {
      const exchanges: Exchange[] = []
      const finishes: Finish[] = []
      const arrived = later()
      const done = later()
      const hold: Handler = (exchange) => {
        exchange.onFinish((finish) => finishes.push(finish) === 3 && done.resolve())
        assert.equal(exchange.signal.aborted, false)
        if (exchanges.push(exchange) === 3) arrived.resolve()
        // The second is answered, though nothing of that can leave before the first is.
        return exchange.path === '/2' ? { status: 200, body: 'to nobody' } : new Promise(() => {})
      }
      return serve(adapter, [hold], async ({ url, errors }) => {
        const client = raw(url, httpGet('/1') + httpGet('/2') + httpGet('/3'))
        await arrived.promise
        client.socket.destroy()
        await done.promise
        for (const { status, aborted } of finishes) assert.deepEqual([status, aborted], [499, true])
        for (const { signal } of exchanges) assert.equal(signal.aborted, true)
        assert.deepEqual(errors, [])
      })
    },
    knowsConnections,
  ),
  claim(
    'pipelined requests finish in their order',
    (adapter) => {
      const finishes: string[] = []
      const first = later()
      const done = later()
      const answer: Handler = async (exchange) => {
        exchange.onFinish(({ status, aborted }) => {
          if (finishes.push(`${exchange.path} ${status} ${aborted}`) === 3) done.resolve()
        })
        if (exchange.path === '/1') await first.promise
        else first.resolve()
        return { status: 200, body: exchange.path }
      }
      return serve(adapter, [answer], async ({ url }) => {
        const client = raw(url, httpGet('/1') + httpGet('/2') + httpGet('/3'))
        await done.promise
        client.socket.destroy()
        assert.deepEqual(finishes, ['/1 200 false', '/2 200 false', '/3 200 false'])
      })
    },
    knowsConnections,
  ),
  claim(
    'a request whose socket the application took over ends with the socket, and is not aborted',
    (adapter) => {
      const done = later<Finish>()
      const signals: AbortSignal[] = []
      const tunnel: Handler = (exchange) => {
        exchange.onFinish(done.resolve)
        signals.push(exchange.signal)
        const { socket } = exchange.request
        ;(exchange.response as ServerResponse).detachSocket(socket)
        socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\nover to you')
        return new Promise(() => {})
      }
      return serve(adapter, [tunnel], async ({ url, errors }) => {
        const client = raw(url, httpGet('/'))
        await client.closed
        const { status, aborted } = await done.promise
        assert.match(client.text, /over to you/)
        assert.deepEqual([status, aborted, signals[0]?.aborted, errors], [101, false, false, []])
      })
    },
    knowsConnections,
  ),
  claim(
    'reading the body after its client left is an error of the request at once',
    (adapter) => {
      const arrived = later()
      const refused = later<unknown>()
      const late: Handler = async (exchange) => {
        const aborted = once(exchange.signal, 'abort')
        arrived.resolve()
        await aborted
        await exchange.rawBody(100).catch(refused.resolve)
        return { status: 200 }
      }
      return serve(adapter, [late], async ({ url }) => {
        const client = raw(url, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf')
        await arrived.promise
        client.socket.destroy()
        assert.equal(((await refused.promise) as HttpError).status, 400)
      })
    },
    hasClients,
  ),
  claim('an error of an onFinish listener, sync or async, is reported only', (adapter) => {
    const warnings: string[] = []
    const warned = ({ message }: Error): unknown => warnings.push(message)
    const done = later()
    const watch: Handler = (exchange) => {
      exchange.onFinish(() => {
        throw new Error('at once')
      })
      const rejects: () => unknown = () => Promise.reject(new Error('later'))
      exchange.onFinish(rejects)
      exchange.onFinish(() => setImmediate(done.resolve))
      return PASS
    }
    return serve(adapter, [watch], async ({ url, errors }) => {
      process.on('warning', warned)
      try {
        assert.equal((await call(`${url}/items/7`)).status, 200)
        await done.promise
        assert.deepEqual([warnings.length, errors], [2, []])
        assert.match(warnings.join(' '), /at once.* later/s)
      } finally {
        process.off('warning', warned)
      }
    })
  }),
  claim('a captured body equals the body that the client got', (adapter) => {
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
  claim('a body over the capture limit is sent whole and is not captured', (adapter) => {
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
