import { isText } from '../../options.ts'
import { LONGEST_USER } from '../checks.ts'

/** The end of a user's rights to these channels; without channels, of all rights. */
export interface Revocation {
  readonly user: string
  readonly channels?: readonly string[]
}

/** Reads a revocation from the control channel. Undefined for any other JSON. */
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
