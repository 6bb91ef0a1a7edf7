import { randomBytes } from 'node:crypto'

import { checkOptions, invalid } from '@penknife/core/internal'

import type { Exchange } from '../exchange/exchange.ts'
import { isSecretName, redact } from './redact.ts'

export interface RequestIdOptions {
  /** The header of the request and the response. Default: 'X-Request-Id'. */
  readonly header?: string | undefined
  /** Whether a well-formed id of the client is taken. Set it to false if clients call you directly. Default: true. */
  readonly trust?: boolean | undefined
}

/** The ids of UUIDs, ULIDs, load balancers and others. */
const WELL_FORMED = /^[\w.:~+=@/-]{1,64}$/

/** Unique to this process; the number after it is unique in it. */
const prefix = randomBytes(6).toString('base64url')
let made = 0

function makeId(): string {
  made += 1
  return `${prefix}-${made.toString(36)}`
}

/** Returns a function that takes or makes the id of a request, and sets it on the response. Undefined with `false`. */
export function requestIds(
  options: RequestIdOptions | false = {},
): ((exchange: Exchange) => string) | undefined {
  if (options === false) return undefined
  checkOptions('requestLog requestId', options, ['header', 'trust'])
  const { header = 'X-Request-Id', trust = true } = options
  if (typeof header !== 'string' || !/^[\w!#$%&'*+.^`|~-]{1,64}$/.test(header))
    throw invalid('requestLog requestId.header', header, "give the name of a header, such as 'X-Request-Id'")
  if (isSecretName(header))
    throw invalid(
      'requestLog requestId.header',
      header,
      'its value is a secret, which is never logged; give another header',
    )
  if (typeof trust !== 'boolean') throw invalid('requestLog requestId.trust', trust, 'give true or false')
  return (exchange) => {
    const given = trust ? exchange.header(header) : undefined
    const id = given !== undefined && WELL_FORMED.test(given) && redact(given) === given ? given : makeId()
    exchange.setHeader(header, id)
    return id
  }
}
