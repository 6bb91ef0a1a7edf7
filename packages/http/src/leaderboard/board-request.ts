import type { BoardReadOptions } from '@penknife/core'

import type { Exchange } from '../exchange/exchange.ts'
import type { Checked } from './options.ts'

/** A checked and bounded read of the board by a request. */
export type BoardRequest =
  | { readonly kind: 'top'; readonly count: number; readonly from: number; readonly read: BoardReadOptions }
  | {
      readonly kind: 'around'
      readonly member: string
      readonly each: number
      readonly read: BoardReadOptions
    }
  | { readonly kind: 'rank'; readonly member: string; readonly read: BoardReadOptions }

/** A mistake in the client's request. The message is sent to the client. */
export class BadRequest extends Error {}

/**
 * Parses a request; undefined when its path is not one of the plugin's.
 *
 * @throws BadRequest for a value out of its bounds.
 */
export function parseRequest(exchange: Exchange, options: Checked): BoardRequest | undefined {
  const { path } = exchange
  if (!path.startsWith(`${options.path}/`)) return undefined
  const [kind, member, ...more] = path.slice(options.path.length + 1).split('/')
  if (more.length > 0) return undefined
  if (kind === 'top' && member === undefined) {
    const count = numberOf(exchange, 'count', Math.min(10, options.maxCount), 1, options.maxCount)
    return { kind, count, from: numberOf(exchange, 'from', 1, 1, MAX_FROM), read: readOf(exchange, options) }
  }
  if ((kind !== 'around' && kind !== 'rank') || !member) return undefined
  const read = readOf(exchange, options)
  if (kind === 'rank') return { kind, member: decoded(member), read }
  const each = numberOf(exchange, 'each', Math.min(5, options.maxEach), 0, options.maxEach)
  return { kind, member: decoded(member), each, read }
}

const MAX_FROM = 999_999_999

function readOf({ query }: Exchange, { windows, ranks, data }: Checked): BoardReadOptions {
  const window = query.get('window') ?? (windows[0] as string)
  if (!windows.includes(window)) throw new BadRequest(`window: one of ${windows.join(', ')}.`)
  const previous = query.get('previous') ?? '0'
  if (!/^\d{1,3}$/.test(previous)) throw new BadRequest('previous: a whole number of periods from 0.')
  return { window, previous: Number(previous), ranks, data }
}

function numberOf({ query }: Exchange, name: string, otherwise: number, min: number, max: number): number {
  const text = query.get(name)
  if (text === null) return otherwise
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new BadRequest(`${name}: a whole number from ${min} to ${max}.`)
}

function decoded(member: string): string {
  try {
    return decodeURIComponent(member)
  } catch {
    throw new BadRequest('The member is not valid percent-encoded UTF-8.')
  }
}
