import type { Space } from '@penknife/core'
import { type Exchange, type Handler, type IdempotentOptions, type Reply } from '@penknife/http'
import { idempotentPlugin } from '@penknife/http/adapter'
import { call, type Called, type CallOptions } from '@penknife/http/testkit'

/** The middleware as a handler, for one tenant. */
export function idempotent(space: Space, options: Partial<IdempotentOptions> = {}): Handler {
  return idempotentPlugin.setup(space, { tenant: () => 'ann', ...options })
}

/** An application that counts how often it ran. */
export interface Application {
  readonly handler: Handler
  readonly runs: number
}

export function application(
  answer: (exchange: Exchange, run: number) => Reply | Promise<Reply> = (_exchange, run) => ({
    status: 201,
    headers: { Location: `/orders/${run}` },
    body: { order: run },
  }),
): Application {
  let runs = 0
  return {
    // A client of another test may still ask for the server that had this port before.
    handler: (exchange) =>
      exchange.method === 'GET' && exchange.path !== '/orders' ? { status: 404 } : answer(exchange, ++runs),
    get runs() {
      return runs
    },
  }
}

export const KEY = '8e03978e-40d5-43e8-bc93-6894a57f9324'

/** A POST with a key. */
export function post(url: string, options: CallOptions & { readonly key?: string } = {}): Promise<Called> {
  const { key = `"${KEY}"`, headers, ...rest } = options
  return call(`${url}/orders`, {
    method: 'POST',
    body: '{"sku":7}',
    ...rest,
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key, ...headers },
  })
}
