import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/** The ids that clients get: those of entries, with a signature if there are secrets. */
export interface ClientIds {
  /** The id for the client of an entry. */
  of(entryId: string, user: string | undefined): string
  /** The entry of a client's id; undefined when it was not made for that user by one of the secrets. */
  entry(id: string, user: string | undefined): string | undefined
}

const ENTRY = /^\d{1,15}-\d{1,15}$/
/** An HMAC-SHA256 in base64url. */
const SIGNED = /^(\d{1,15}-\d{1,15})\.([\w-]{43})$/

/** @param secrets the first signs, all are accepted; none: ids are not signed */
export function createClientIds(stream: string, secrets: readonly string[]): ClientIds {
  const [newest] = secrets
  if (newest === undefined) return { of: (id) => id, entry: (id) => (ENTRY.test(id) ? id : undefined) }

  function signature(secret: string, id: string, user: string | undefined): string {
    const signed = JSON.stringify(['penknife.accept', stream, id, user ?? null])
    return createHmac('sha256', secret).update(signed).digest('base64url')
  }

  return {
    of: (id, user) => `${id}.${signature(newest, id, user)}`,
    entry(text, user) {
      const [, id, given] = SIGNED.exec(text) ?? []
      if (id === undefined || given === undefined) return undefined
      const bytes = Buffer.from(given)
      const isOurs = secrets.some((secret) =>
        timingSafeEqual(Buffer.from(signature(secret, id, user)), bytes),
      )
      return isOurs ? id : undefined
    },
  }
}

/** A dedup id of a user: those of two users never meet, and a text of any length fits. */
export function dedupIdOf(user: string, id: string): string {
  return createHash('sha256')
    .update(JSON.stringify([user, id]))
    .digest('base64url')
}
