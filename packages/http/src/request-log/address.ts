import { createHmac } from 'node:crypto'

import { checkOptions, invalid } from '@penknife/core/internal'

import { ipAddress, ipKey, ipNetwork } from '../ip.ts'
import { clean, remembered } from './clean.ts'

/** What an entry has of the client's address. */
export type RequestAddress =
  /** The address. */
  | 'keep'
  /** Its network: the /24 of an IPv4 address, the /48 of an IPv6 address. Text that is no address is left out. */
  | 'prefix'
  /**
   * A keyed hash (HMAC-SHA-256, 96 bits as base64url): the same for all requests of a client; of IPv6 the /64 is hashed. Who does not have the key cannot find the
   * address. A key has at least 16 characters; change it to make older entries unlinkable.
   */
  | { readonly hashKey: string }
  | false

/** Returns a function of the address for the option `ip`. */
export function addressOf(option: RequestAddress = 'keep'): (ip: string) => string | undefined {
  if (option === false) return () => undefined
  if (option === 'keep') return remembered((ip) => ipAddress(ip) ?? clean(ip, 64))
  if (option === 'prefix') return remembered(ipNetwork)
  const fix = "give 'keep', 'prefix', { hashKey: '…' } or false"
  if (typeof option !== 'object' || option === null) throw invalid('requestLog ip', option, fix)
  checkOptions('requestLog ip', option, ['hashKey'])
  const { hashKey } = option
  if (typeof hashKey !== 'string' || hashKey.length < 16) {
    throw invalid(
      'requestLog ip.hashKey',
      typeof hashKey === 'string' ? '…' : hashKey,
      'give a secret text of at least 16 characters',
    )
  }
  return remembered((ip) => {
    const address = ipAddress(ip)
    return address === undefined
      ? undefined
      : createHmac('sha256', hashKey).update(ipKey(address)).digest('base64url').slice(0, 16)
  })
}
