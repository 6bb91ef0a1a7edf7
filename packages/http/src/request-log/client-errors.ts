import type { Server } from 'node:http'
import type { Socket } from 'node:net'

import { invalid } from '@penknife/core/internal'

import { hasOpenExchange } from '../exchange/ending.ts'
import { type Closable, handlerOf } from '../plugin.ts'
import type { RequestLogHandler } from './handler.ts'

/** The statuses with which Node answers. */
const STATUSES: Readonly<Record<string, readonly [status: number, reason: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'Payload Too Large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout'],
}
const BAD_REQUEST = [400, 'Bad Request'] as const
/** Marks the listeners of this function, also those of another copy of the package. */
const OWN: unique symbol = Symbol.for('penknife.clientErrors') as never

/**
 * Logs the requests that Node's own parser refuses with 400, 408, 413 or 431, which reach no middleware. Their entries have an error, and no
 * method and path. The client gets the reply that Node sends by itself, unless the application listens to 'clientError' too: then that
 * listener must answer and close the socket, as always.
 *
 *     const log = requestLog(shop, 'requests')
 *     logClientErrors(app.use(log).listen(3000), log)
 *
 * Ten such requests a second are logged. A parser error in the body of a request that a middleware got is in that request's entry: it is aborted.
 *
 * @returns a function that ends it. Call it when you close the log and the server goes on
 * @throws PENKNIFE_INVALID when `log` is no middleware of requestLog
 */
export function logClientErrors(server: Server, log: Closable): () => void {
  const record = (handlerOf(log) as Partial<RequestLogHandler> | undefined)?.clientErrors
  if (!record) throw invalid('log', log, 'give the middleware that requestLog returned')

  function listener(error: NodeJS.ErrnoException, stream: unknown): void {
    const socket = stream as Socket
    const [status, reason] = STATUSES[error.code ?? ''] ?? BAD_REQUEST
    // A client that left is no refused request, and a request that a middleware got has its own entry.
    const isRefused = error.code !== 'ECONNRESET' && error.code !== 'EPIPE' && !hasOpenExchange(socket)
    if (isRefused) record?.({ status, error, address: socket.remoteAddress })
    // The first of several logs answers.
    const listeners = server.listeners('clientError')
    if (listeners[0] !== listener || !listeners.every((each) => OWN in each)) return
    // As Node without a listener (lib/_http_server.js, socketOnError): nothing may be written into a response that has begun.
    if (socket.writable && !hasBegun(socket)) {
      socket.write(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\n\r\n`)
    }
    socket.destroy(error)
  }

  listener[OWN] = true
  server.on('clientError', listener)
  return () => void server.off('clientError', listener)
}

/** Whether a response on this socket has begun, as Node's server notes it. */
function hasBegun(socket: Socket): boolean {
  const { ['_httpMessage']: response } = socket as { ['_httpMessage']?: { headersSent?: boolean } | null }
  return response?.headersSent === true
}
