import type { Reply } from '../answer.ts'
import { isYes } from '../ask.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { reportOnce } from '../warn.ts'
import { createClientIds } from './ids.ts'
import type { AcceptAction, AccessSettings } from './options.ts'
import { FORBIDDEN, UNAUTHENTICATED, UNKNOWN } from './replies.ts'

/** Decides which client may use which id. */
export interface Access {
  /** The user of a request. Undefined: `user` did not return one. */
  userOf(exchange: Exchange): Promise<{ readonly user: string | undefined } | undefined>
  /** The id for the client of an entry. */
  idFor(entry: string, user: string | undefined): string
  /** The entry, or the reply to a client that may not do that. */
  entryFor(exchange: Exchange, id: string, action: AcceptAction): Promise<string | Reply>
}

/** @param name the middleware, for warnings */
export function createAccess(
  name: string,
  stream: string,
  { secrets, user: userFor, authorize }: AccessSettings,
): Access {
  const ids = createClientIds(stream, secrets)
  const reportRefusal = reportOnce('PENKNIFE_CALLBACK', `${name} refuses clients for which authorize failed`)

  async function userOf(exchange: Exchange): Promise<{ readonly user: string | undefined } | undefined> {
    if (!userFor) return { user: undefined }
    const user: unknown = await userFor(exchange)
    return typeof user === 'string' && user !== '' ? { user } : undefined
  }

  return {
    userOf,
    idFor: ids.of,
    async entryFor(exchange, id, action) {
      const owner = await userOf(exchange)
      if (!owner) return UNAUTHENTICATED
      const entry = ids.entry(id, owner.user)
      if (entry === undefined) return UNKNOWN
      if (!authorize) return entry
      return isYes(`${name} authorize`, await authorize(exchange, entry, action), reportRefusal)
        ? entry
        : FORBIDDEN
    },
  }
}
