import { invalid } from '@penknife/core/internal'

import type { Exchange } from '../exchange/exchange.ts'

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

/** Checks the option `origins`. */
export function checkOrigins(name: string, origins: readonly string[] | '*' | undefined): void {
  if (origins === undefined || origins === '*') return
  const wrong = Array.isArray(origins) ? origins.find((origin) => !isOrigin(origin)) : origins
  if (wrong !== undefined || origins.length === 0) {
    throw invalid(`${name} origins`, wrong, "give origins such as 'https://shop.example', or '*' for all")
  }
}

/** Whether a text is an origin as browsers send it. */
function isOrigin(text: unknown): boolean {
  return typeof text === 'string' && URL.canParse(text) && new URL(text).origin === text
}
