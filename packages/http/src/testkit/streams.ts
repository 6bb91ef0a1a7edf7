import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'

import { PASS } from '../answer.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Handler } from '../plugin.ts'
import type { StreamWriter } from '../writer.ts'
import { call, nextChunk, open } from './client.ts'
import { claim, type ContractCase, later, serve } from './contract.ts'

/** Responses that are written bit by bit. */
export const streamCases: readonly ContractCase[] = [
  claim('a stream arrives bit by bit, as it is written', (adapter) => {
    const begun = later<StreamWriter>()
    const headers = { 'content-type': 'text/x-bits' }
    return serve(adapter, [() => ({ status: 201, headers, stream: begun.resolve })], async ({ url }) => {
      const response = await open(url)
      assert.deepEqual([response.statusCode, response.headers['content-type']], [201, 'text/x-bits'])
      const writer = await begun.promise
      for (const text of ['one', 'zwölf']) {
        const next = nextChunk(response)
        writer.write(text)
        assert.equal(await next, text)
      }
      const last = nextChunk(response)
      writer.write('text ')
      writer.write(Buffer.from('and bytes'))
      writer.end()
      assert.equal(await last, 'text and bytes')
      if (!response.complete) await once(response, 'end')
      assert.equal(writer.closed, true)
    })
  }),
  claim(
    'an endless stream is just its bytes, seen by whoever begins to count them, until its connection ends',
    (adapter) => {
      const begun = later<StreamWriter>()
      const seen = later<Exchange>()
      const answer: Handler = (exchange) => {
        seen.resolve(exchange)
        return { status: 200, endless: true, stream: begun.resolve }
      }
      return serve(adapter, [answer], async ({ url, errors }) => {
        const response = await open(url)
        assert.equal(response.headers['transfer-encoding'], undefined)
        const writer = await begun.promise
        const first = nextChunk(response)
        writer.write('uncounted, ')
        assert.equal(await first, 'uncounted, ')
        const { bytes } = await seen.promise
        const next = nextChunk(response)
        writer.write('counted')
        assert.equal(await next, 'counted')
        assert.equal(bytes.out, 7)
        writer.end()
        await once(response.resume(), 'close')
        assert.deepEqual([writer.closed, errors], [true, []])
      })
    },
  ),
  claim('an endless stream waits its turn behind the response before it on its connection', (adapter) => {
    const begun = later<StreamWriter>()
    const released = later()
    const answer: Handler = async ({ path }) => {
      if (path === '/stream') return { status: 200, endless: true, stream: begun.resolve }
      await released.promise
      return { status: 200, body: 'first' }
    }
    return serve(adapter, [answer], async ({ url }) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
      let text = ''
      socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
      socket.write(get('/first') + get('/stream'))
      const writer = await begun.promise
      writer.write('one ')
      await turn()
      assert.equal(text, '')
      released.resolve()
      writer.write('two ')
      await turn()
      writer.write('three')
      writer.end()
      await once(socket, 'close')
      const bodies = text.split('\r\n\r\n')
      assert.ok(bodies[1]?.startsWith('first'), text)
      assert.equal(bodies[2], 'one two three')
    })
  }),
  claim('a HEAD request gets the headers of a stream, which is over at once', (adapter) => {
    const begun = later<StreamWriter>()
    return serve(adapter, [() => ({ status: 200, stream: begun.resolve })], async ({ url }) => {
      assert.equal((await call(url, { method: 'HEAD' })).status, 200)
      assert.equal((await begun.promise).closed, true)
    })
  }),
  claim('a client that leaves a stream closes its writer and raises no error', (adapter) => {
    const begun = later<StreamWriter>()
    const closed = later()
    const stream = (writer: StreamWriter): void => {
      writer.onClose(closed.resolve)
      writer.write('hello')
      begun.resolve(writer)
    }
    const answer: Handler = ({ path }) => (path === '/stream' ? { status: 200, stream } : PASS)
    return serve(adapter, [answer], async ({ url, errors }) => {
      const response = await open(`${url}/stream`)
      await once(response, 'data')
      response.destroy()
      await closed.promise
      const writer = await begun.promise
      writer.write('to nobody')
      writer.end()
      assert.equal(writer.closed, true)
      assert.equal((await call(`${url}/items/7`)).status, 200)
      assert.deepEqual(errors, [])
    })
  }),
  claim('a client that left before its stream began gets a closed writer to let go of', (adapter) => {
    const arrived = later()
    const begun = later<boolean>()
    const late: Handler = async (exchange) => {
      const aborted = once(exchange.signal, 'abort')
      arrived.resolve()
      await aborted
      return { status: 200, stream: (writer) => writer.onClose(() => begun.resolve(writer.closed)) }
    }
    return serve(adapter, [late], async ({ url, errors }) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      await arrived.promise
      socket.destroy()
      assert.equal(await begun.promise, true)
      assert.deepEqual(errors, [])
    })
  }),
  claim(
    'a client that does not take its stream is cut off, at a bounded number of unsent bytes',
    (adapter) => {
      const closed = later<number>()
      const stream = (writer: StreamWriter): void => {
        const block = 'x'.repeat(65_536)
        let most = 0
        writer.onClose(() => closed.resolve(most))
        const more = (): void => {
          most = Math.max(most, writer.unsentBytes)
          writer.write(block)
          if (!writer.closed) setImmediate(more)
        }
        more()
      }
      return serve(
        adapter,
        [() => ({ status: 200, maxUnsentBytes: 1_000_000, stream })],
        async ({ url, errors }) => {
          const socket = connect(Number(new URL(url).port), '127.0.0.1')
          socket.pause()
          socket.on('error', () => {})
          socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
          const most = await closed.promise
          socket.destroy()
          assert.ok(most > 0 && most < 1_200_000, `${most} bytes were waiting`)
          assert.deepEqual(errors, [])
        },
      )
    },
  ),
]
