import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'

import { PASS } from '../answer.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Handler } from '../plugin.ts'
import type { StreamWriter } from '../stream-writer.ts'
import { call, httpGet, nextChunk, open, raw, type RawConnection } from './client.ts'
import {
  type AdapterUnderTest,
  claim,
  type ContractCase,
  knowsConnections,
  later,
  serve,
} from './contract.ts'

/** Responses that are written bit by bit. */
export const streamCases: readonly ContractCase[] = [
  claim('a stream arrives in parts, as it is written', (adapter) => {
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
    'an endless stream is chunked, its bytes can be counted at any time, and its connection ends with it',
    (adapter) => {
      const begun = later<StreamWriter>()
      const seen = later<Exchange>()
      const answer: Handler = (exchange) => {
        seen.resolve(exchange)
        return { status: 200, endless: true, stream: begun.resolve }
      }
      return serve(adapter, [answer], async ({ url, errors }) => {
        const response = await open(url, { headers: { connection: 'keep-alive' } })
        assert.equal(response.headers['transfer-encoding'], 'chunked')
        // With it, some clients take a cut for an end.
        assert.notEqual(response.headers.connection, 'close')
        const over = once(response.socket, 'close')
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
        await over
        assert.deepEqual([writer.closed, response.complete, errors], [true, true, []])
      })
    },
    knowsConnections,
  ),
  claim('a client can tell a cut stream from an ended one', (adapter) => {
    const begun = later<StreamWriter>()
    return serve(
      adapter,
      [() => ({ status: 200, endless: true, stream: begun.resolve })],
      async ({ url, errors }) => {
        const response = await open(url)
        const writer = await begun.promise
        const first = nextChunk(response)
        writer.write('before the cut')
        await first
        const broken = once(response, 'error')
        writer.destroy()
        await broken
        assert.deepEqual([response.complete, errors], [false, []])
      },
    )
  }),
  claim('a client of HTTP/1.0 gets the bytes of a stream without chunks', (adapter) => {
    const begun = later<StreamWriter>()
    return serve(
      adapter,
      [() => ({ status: 200, endless: true, stream: begun.resolve })],
      async ({ url }) => {
        const client = raw(url, httpGet('/', '1.0'))
        const writer = await begun.promise
        writer.write('one ')
        await turn()
        writer.write('two')
        writer.end()
        await client.closed
        const [head = '', body] = client.text.split('\r\n\r\n')
        assert.doesNotMatch(head, /transfer-encoding/i)
        assert.equal(body, 'one two')
      },
    )
  }),
  claim(
    'a stream waits for the earlier response on its connection',
    (adapter) => {
      const begun = later<StreamWriter>()
      const released = later()
      const answer: Handler = async ({ path }) => {
        if (path === '/stream') return { status: 200, endless: true, stream: begun.resolve }
        await released.promise
        return { status: 200, body: 'first' }
      }
      return serve(adapter, [answer], async ({ url }) => {
        const client = raw(url, httpGet('/first') + httpGet('/stream'))
        const writer = await begun.promise
        writer.write('one ')
        await turn()
        assert.equal(client.text, '')
        released.resolve()
        writer.write('two ')
        await turn()
        writer.write('three')
        writer.end()
        await client.closed
        const [, , body = ''] = client.text.split(/\r\n\r\n(?=first|4)/)
        assert.match(client.text, /\r\n\r\nfirst/)
        assert.equal(unchunked(body), 'one two three')
      })
    },
    knowsConnections,
  ),
  claim(
    'a waiting stream ends when its client leaves',
    (adapter) => pipelined(adapter, (client) => void client.socket.end()),
    knowsConnections,
  ),
  claim(
    'a waiting stream can be cut',
    (adapter) => pipelined(adapter, (_client, [, second]) => second?.destroy()),
    knowsConnections,
  ),
  claim(
    "an error of a stream's functions, thrown or rejected, cuts the stream and is reported only",
    (adapter) => {
      const broken = new Error('on purpose')
      const streams: Record<string, (writer: StreamWriter) => unknown> = {
        '/throws': () => {
          throw broken
        },
        '/rejects': () => Promise.reject(broken),
        '/listener': (writer) => {
          const rejects: () => unknown = () => Promise.reject(broken)
          writer.onClose(rejects)
          writer.onClose(() => {
            throw broken
          })
          writer.end()
        },
      }
      const answer: Handler = ({ path }) => {
        const stream = streams[path]
        return stream ? { status: 200, stream } : PASS
      }
      return serve(adapter, [answer], async ({ url, errors }) => {
        const warnings: Error[] = []
        const warned = (warning: Error): unknown => warnings.push(warning)
        process.on('warning', warned)
        try {
          for (const path of ['/throws', '/rejects']) await raw(url, httpGet(path)).closed
          assert.equal((await call(`${url}/listener`)).status, 200)
          assert.equal((await call(`${url}/items/7`)).status, 200)
          await turn()
          assert.deepEqual([warnings.length, errors], [4, []])
          for (const { message } of warnings) assert.match(message, /on purpose/)
        } finally {
          process.off('warning', warned)
        }
      })
    },
  ),
  claim('a HEAD request gets the headers of a stream, which ends at once', (adapter) => {
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
  claim('a stream whose client left before it began gets a closed writer', (adapter) => {
    const arrived = later()
    const begun = later<boolean>()
    const late: Handler = async (exchange) => {
      const aborted = once(exchange.signal, 'abort')
      arrived.resolve()
      await aborted
      return { status: 200, stream: (writer) => writer.onClose(() => begun.resolve(writer.closed)) }
    }
    return serve(adapter, [late], async ({ url, errors }) => {
      const { socket } = raw(url, httpGet('/'))
      await arrived.promise
      socket.destroy()
      assert.equal(await begun.promise, true)
      assert.deepEqual(errors, [])
    })
  }),
  claim(
    'a client that does not read its stream is disconnected, at a bounded number of unsent bytes',
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
          const { socket } = raw(url, httpGet('/'))
          socket.pause()
          const most = await closed.promise
          socket.destroy()
          assert.ok(most > 0 && most < 1_200_000, `${most} bytes were waiting`)
          assert.deepEqual(errors, [])
        },
      )
    },
  ),
]

/** Three streams on one connection, of which one has its turn, all over after `end`. */
function pipelined(
  adapter: AdapterUnderTest,
  end: (client: RawConnection, writers: readonly StreamWriter[]) => void,
): Promise<void> {
  const writers: StreamWriter[] = []
  const begun = later()
  const over = later()
  let closed = 0
  const stream = (writer: StreamWriter): void => {
    if (writers.push(writer) === 3) begun.resolve()
    writer.onClose(() => ++closed === 3 && over.resolve())
  }
  return serve(adapter, [() => ({ status: 200, endless: true, stream })], async ({ url, errors }) => {
    const client = raw(url, httpGet('/').repeat(3))
    await begun.promise
    end(client, writers)
    await over.promise
    await Promise.all(writers.map((writer) => writer.finished(60_000)))
    await client.closed
    assert.deepEqual(errors, [])
  })
}

/** The body that HTTP/1.1's chunked coding carries, which must be whole. */
function unchunked(coded: string): string {
  const [, size = '', rest = ''] = /^([\da-f]+)\r\n([^]*)$/.exec(coded) ?? []
  const length = Number.parseInt(size, 16)
  assert.equal(rest.slice(length, length + 2), '\r\n', coded)
  return length === 0 ? '' : rest.slice(0, length) + unchunked(rest.slice(length + 2))
}
