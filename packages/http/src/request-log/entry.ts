import { printable } from '@penknife/core/internal'

import type { Exchange, Finish } from '../exchange/exchange.ts'

/**
 * One finished request. What a client sent is cut to the stated length, and characters that could fake a line of a log
 * or drive a terminal are U+FFFD.
 */
export interface RequestEntry {
  /** When the request came, milliseconds since 1970. */
  readonly at: number
  /** At most 32 characters. */
  readonly method: string
  /** Without the query, and without the scheme and host that a client may write before it; at most 1,024 characters. */
  readonly path: string
  /** The matched route's pattern, when the framework told one; at most 256 characters. */
  readonly route?: string
  /** 499 when the client left before there was an answer. */
  readonly status: number
  /** Milliseconds to two decimals. */
  readonly durationMs: number
  /** Bytes of the bodies. */
  readonly bytesIn: number
  readonly bytesOut: number
  /** As the framework knew it when the request finished; at most 64 characters. */
  readonly ip?: string
  /** At most 256 characters. */
  readonly userAgent?: string
  /** The client left before it got the whole response. */
  readonly aborted: boolean
}

/** The entry of a request that finished; `ip` is the address that it had when it came. */
export function toEntry(
  exchange: Exchange,
  finish: Finish,
  at: number,
  ip: string | undefined,
): RequestEntry {
  const route = exchange.route()
  const userAgent = exchange.header('user-agent')
  // Once its socket is gone a client may have no address; a middleware further on may have found a better one.
  const address = exchange.ip ?? ip
  return {
    at,
    method: printable(exchange.method, 32),
    path: printable(exchange.path || '/', 1024),
    ...(route === undefined ? {} : { route: printable(route, 256) }),
    status: finish.status,
    durationMs: Math.round(finish.durationMs * 100) / 100,
    bytesIn: finish.bytesIn,
    bytesOut: finish.bytesOut,
    ...(address === undefined ? {} : { ip: printable(address, 64) }),
    ...(userAgent === undefined ? {} : { userAgent: printable(userAgent, 256) }),
    aborted: finish.aborted,
  }
}
