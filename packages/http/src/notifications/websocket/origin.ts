import type { Exchange } from '../../exchange/exchange.ts'

/**
 * Whether a page of this origin may connect. Browsers let every page open a WebSocket, with the cookies of the user, and only
 * tell the server where the page is from. Other programs send no origin.
 *
 * @param origins allowed origins; '*': all; undefined: that of the request's own host
 */
export function isAllowedOrigin(exchange: Exchange, origins: readonly string[] | '*' | undefined): boolean {
  const origin = exchange.header('origin')
  if (origin === undefined || origins === '*') return true
  return origins ? origins.includes(origin) : hostOf(origin) === exchange.header('host')?.toLowerCase()
}

/** Host and port. Undefined for 'null', the origin of sandboxed pages. */
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}
