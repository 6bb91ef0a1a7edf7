import { printable } from '@penknife/core/internal'

import { decisionsOn } from '../decisions.ts'
import type { Exchange, Finish } from '../exchange/exchange.ts'
import { clean, remembered } from './clean.ts'
import type { RequestEntry, RequestLimit } from './entry.ts'
import type { Notes } from './notes.ts'
import type { RequestLogOptions } from './options.ts'
import { parseTrace } from './trace.ts'

/** What is known of a finished request besides its exchange. */
export interface Finished {
  readonly finish: Finish
  /** When it arrived, milliseconds since 1970. */
  readonly at: number
  readonly notes: Notes
  readonly limit: RequestLimit | undefined
  readonly route: string | undefined
  readonly rate: number
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/** Returns a function that makes the entry of a finished request. */
export function entryMaker(
  { query = [], user }: Pick<RequestLogOptions, 'query' | 'user'>,
  toAddress: (ip: string) => string | undefined,
): (exchange: Exchange, finished: Finished) => RequestEntry {
  const toAgent = remembered((text) => clean(text, 256))
  const toRoute = remembered((text) => printable(text, 256))

  return (exchange, { finish, at, notes, limit, route, rate }) => {
    const { url } = exchange
    const queryAt = url.indexOf('?')
    const path = queryAt < 0 ? url : url.slice(0, queryAt)
    const entry: Mutable<RequestEntry> = {
      at,
      method: printable(exchange.method, 32),
      path: clean(path || '/', 1024),
      status: finish.status,
      durationMs: Math.round(finish.durationMs * 100) / 100,
      bytesIn: finish.bytesIn,
      bytesOut: finish.bytesOut,
      aborted: finish.aborted,
    }
    if (route !== undefined) entry.route = toRoute(route) as string
    const { ip } = exchange
    const shown = ip === undefined ? undefined : toAddress(ip)
    if (shown !== undefined) entry.ip = shown
    const agent = exchange.header('user-agent')
    if (agent !== undefined) entry.userAgent = toAgent(agent) as string
    if (notes.id !== undefined) entry.id = notes.id
    if (user) {
      const found: unknown = user(exchange)
      if (typeof found === 'string' && found !== '') entry.user = printable(found, 128)
    }
    if (query.length > 0 && queryAt >= 0) {
      const values = queryValues(exchange, query)
      if (values) entry.query = values
    }
    const traceparent = exchange.header('traceparent')
    if (traceparent !== undefined) {
      const trace = parseTrace(traceparent)
      if (trace) entry.trace = trace
    }
    if (notes.error) entry.error = notes.error
    if (limit) entry.limit = limit
    if (rate < 1) entry.rate = rate
    return entry
  }
}

function queryValues(exchange: Exchange, names: readonly string[]): Record<string, string> | undefined {
  const values: Record<string, string> = {}
  let some = false
  for (const name of names) {
    const value = exchange.query.get(name)
    if (value === null) continue
    values[name] = clean(value, 256)
    some = true
  }
  return some ? values : undefined
}

/** What the rate limits decided about a request: the denial if there was one, otherwise the latest decision. */
export function limitOf(exchange: Exchange): RequestLimit | undefined {
  const decided = decisionsOn(exchange)
  if (!decided) return undefined
  const found = decided.findLast(({ decision }) => !decision.allowed) ?? decided.at(-1)
  if (!found) return undefined
  const { limiter, decision } = found
  return { limiter, rule: decision.rule, remaining: decision.remaining, allowed: decision.allowed }
}
