import { PenknifeError } from '@penknife/core'
import type { Exchange } from '@penknife/http'

import { Refusal } from './failures.ts'
import { MOST_BODY_BYTES } from './reads/others.ts'

/**
 * The JSON object in the body of an action.
 *
 * @throws Refusal, or an HttpError for a body that is too long.
 */
export async function readBody(exchange: Exchange): Promise<Readonly<Record<string, unknown>>> {
  if (!/^application\/json\s*(;|$)/i.test(exchange.header('content-type') ?? ''))
    throw new Refusal('invalid', 'The Content-Type must be application/json.')
  if (!/^(identity)?$/i.test(exchange.header('content-encoding') ?? ''))
    throw new Refusal('invalid', 'The body must not be compressed.')
  const body = await valueOf(exchange)
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new Refusal('invalid', 'The body must be a JSON object.')
  return body as Readonly<Record<string, unknown>>
}

async function valueOf(exchange: Exchange): Promise<unknown> {
  let bytes: Uint8Array
  try {
    bytes = await exchange.rawBody(MOST_BODY_BYTES)
  } catch (error) {
    const parsed = error instanceof PenknifeError ? parsedBody(exchange.context) : undefined
    if (parsed === undefined) throw error
    return parsed
  }
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  } catch {
    throw new Refusal('invalid', 'The body is no JSON.')
  }
}

/** What a body parser of Express, Koa or Fastify made of the body before, within its own bound. */
function parsedBody(context: unknown): unknown {
  return (context as { readonly request?: { readonly body?: unknown } } | undefined)?.request?.body
}
