import { numbered } from '../../sockets/client.ts'

/** The most channels of one frame. */
const MOST_NAMED = 100
const LONGEST_TOKEN = 8192

/** A frame of a client, after it was checked. `n` is the number that the reply repeats. */
export type ClientFrame =
  | { readonly kind: 'subscribe'; readonly n: number; readonly channels: Map<string, string | undefined> }
  | { readonly kind: 'unsubscribe'; readonly n: number; readonly channels: readonly string[] }
  | { readonly kind: 'auth'; readonly n: number; readonly token: string }
  | { readonly kind: 'ping'; readonly n: number }

/** Parses a client's text. Returns what is wrong with it, if anything is. */
export function readFrame(text: string): ClientFrame | string {
  const frame = numbered(text)
  if (typeof frame === 'string') return frame
  const { kind, n, channels, token } = frame
  if (kind === 'ping') return { kind, n }
  if (kind === 'auth') {
    if (typeof token !== 'string' || token.length > LONGEST_TOKEN) return 'token must be text'
    return { kind, n, token }
  }
  if (kind === 'unsubscribe') {
    if (!Array.isArray(channels) || !isCount(channels.length) || !channels.every(isText))
      return `channels must be a list of 1 to ${MOST_NAMED} names`
    return { kind, n, channels }
  }
  if (kind !== 'subscribe') return 'kind is unknown'
  const wanted = positionsOf(channels)
  return wanted
    ? { kind, n, channels: wanted }
    : `channels must have 1 to ${MOST_NAMED} names with a position or null`
}

function positionsOf(channels: unknown): Map<string, string | undefined> | undefined {
  if (typeof channels !== 'object' || channels === null || Array.isArray(channels)) return undefined
  const entries = Object.entries(channels)
  if (!isCount(entries.length)) return undefined
  const wanted = new Map<string, string | undefined>()
  for (const [channel, position] of entries as [string, unknown][]) {
    if (position !== null && !isText(position)) return undefined
    wanted.set(channel, position ?? undefined)
  }
  return wanted
}

function isCount(count: number): boolean {
  return count > 0 && count <= MOST_NAMED
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
