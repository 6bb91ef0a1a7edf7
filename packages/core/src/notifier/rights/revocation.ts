import { isText } from '../../options.ts'
import { LONGEST_USER } from '../checks.ts'

/** A user's rights to these channels ended; to all of them without. */
export interface Revocation {
  readonly user: string
  readonly channels?: readonly string[]
}

/** Reads a revocation out of the control channel; undefined when the JSON is none. */
export function readRevocation(json: string): Revocation | undefined {
  try {
    const { user, channels } = JSON.parse(json) as Partial<Revocation>
    if (user === undefined || !isText(user, LONGEST_USER)) return undefined
    if (channels === undefined) return { user }
    const known = Array.isArray(channels) && channels.every((channel) => typeof channel === 'string')
    return known ? { user, channels } : undefined
  } catch {
    return undefined
  }
}
