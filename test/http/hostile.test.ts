import type { Socket } from 'node:net'

import type { Handler, StreamReply } from '@penknife/http'
import { raw } from '@penknife/http/testkit'
import { describe, expect, test } from 'vitest'

import { http } from '../../fuzz/http.ts'
import { deferred } from '../support/deferred.ts'
import { until } from '../support/until.ts'
import { connected, frameworks, type TestServer } from './frameworks.ts'
import { start } from './setup.ts'

const ENDLESS: StreamReply = { status: 200, stream: () => {}, endless: true }

/** Koa emits an error for each connection that a client reset. */
const isReset = (error: unknown): boolean =>
  /^(ECONNRESET|EPIPE)$/.test(String((error as NodeJS.ErrnoException).code))

describe.each(frameworks)('hostile clients of $name', (adapter) => {
  test.each([
    ['reply', { status: 429, body: 'no' }],
    ['stream', ENDLESS],
  ])(
    'a connection that was reset during an unread upload is closed when a %s arrives',
    async (_what, answer) => {
      let socket: Socket | undefined
      const gone = deferred()
      const handler: Handler = async (exchange) => {
        socket = server.responses[0]?.req.socket
        await gone.promise
        // Node does not read, so it does not know of the reset. Only the system does.
        expect(socket?.destroyed).toBe(false)
        if (connected.includes(adapter)) expect(exchange.ip).toBeUndefined()
        return answer
      }
      const server: TestServer = await start(adapter, [handler])
      const { url, errors } = server
      const head = 'POST /items/7 HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n'
      const client = raw(url, head + 'x'.repeat(300_000))
      await until('it is being served', () => socket !== undefined)
      client.socket.resetAndDestroy()
      await client.closed
      gone.resolve()
      await until('the connection is closed', () => socket?.destroyed === true)
      expect(errors.filter((error) => !isReset(error))).toEqual([])
    },
  )
})

test('nothing breaks or leaks when mutated requests arrive over raw sockets: pnpm fuzz http, short', async () => {
  const { inputs, findings } = await http.run({ seed: 20_261_123, inputs: 1500, log: () => {} })
  expect([inputs, findings]).toEqual([1500, []])
}, 120_000)
