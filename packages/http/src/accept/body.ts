import type { Exchange } from '../exchange/exchange.ts'
import { HttpError } from '../http-error.ts'

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json(?:\s*;\s*charset="?utf-8"?)?$/

/**
 * The JSON of a request's body; undefined without a body.
 *
 * @throws HttpError 413; 415 for another type, so that a form of another site cannot post without asking first (CORS); 400
 */
export async function jsonBody(exchange: Exchange, maxBytes: number): Promise<unknown> {
  const bytes = await exchange.rawBody(maxBytes)
  if (bytes.byteLength === 0) return undefined
  const type = (exchange.header('content-type') ?? '').trim().toLowerCase()
  const coding = (exchange.header('content-encoding') ?? 'identity').trim().toLowerCase()
  if (!JSON_TYPE.test(type))
    throw new HttpError(415, 'The body must have the type application/json, in UTF-8.')
  if (coding !== 'identity') throw new HttpError(415, 'The body must not be compressed.')
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown
  } catch {
    throw new HttpError(400, 'The body is not valid JSON.')
  }
}
