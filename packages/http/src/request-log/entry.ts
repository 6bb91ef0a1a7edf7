import { printable } from '@penknife/core/internal'

import type { Exchange, Finish } from '../exchange/exchange.ts'

/**
 * One finished request. A client's text is cut to the stated length. Characters that could fake a line of a log or control
 * a terminal are replaced by U+FFFD.
 */
export interface RequestEntry {
  /** When the request arrived, milliseconds since 1970. */
  readonly at: number
  /** At most 32 characters. */
  readonly method: string
  /** Without query, scheme, user and host; at most 1,024 characters. */
  readonly path: string
  /** The matched route's pattern, if the framework knows it; at most 256 characters. */
  readonly route?: string
  /** 499 when the client left before there was an answer. */
  readonly status: number
  /** Milliseconds to two decimals. */
  readonly durationMs: number
  /** Bytes of the bodies. */
  readonly bytesIn: number
  readonly bytesOut: number
  /** The client's address, as the framework resolved it; at most 64 characters. */
  readonly ip?: string
  /** At most 256 characters. */
  readonly userAgent?: string
  /** Whether the client left before it got the whole response. */
  readonly aborted: boolean
}

/** Makes the entry of a finished request. `ip` is the address at the arrival of the request. */
export function toEntry(
  exchange: Exchange,
  finish: Finish,
  at: number,
  ip: string | undefined,
): RequestEntry {
  const route = exchange.route()
  const userAgent = exchange.header('user-agent')
  // A later middleware may have set a better address. After the socket closed there may be none.
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
