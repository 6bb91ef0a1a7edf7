import { BlockList, isIPv4 } from 'node:net'

import { invalid } from '@penknife/core'
import ipaddr from 'ipaddr.js'

const MAPPED = '::ffff:'

/**
 * What a client is limited by when nothing better is known: its IPv4 address, or the network of its IPv6 address,
 * because a single home or server has a whole /64 to pick addresses from. Some providers give out a /56 or a
 * /48: a shorter prefix is stricter with them and puts more of their customers into one bucket.
 *
 * An IPv4 address mapped into IPv6 (`::ffff:192.0.2.1`) is that IPv4 address. Text that is no address, which a
 * forged `X-Forwarded-For` can bring, is returned as it is.
 */
export function ipKey(ip: string, ipv6Prefix = 64): string {
  const address = withoutMapping(ip)
  if (typeof address === 'string') return address
  const groups = []
  for (let bit = 0; bit < ipv6Prefix; bit += 16) {
    const kept = Math.min(16, ipv6Prefix - bit)
    groups.push(((address.parts[bit / 16] as number) & (0xffff << (16 - kept))).toString(16))
  }
  return `${groups.join(':')}${groups.length < 8 ? '::' : ''}/${ipv6Prefix}`
}

/** An IPv6 address, or the text of everything else; an IPv4 address that was mapped is one again. */
function withoutMapping(ip: string): ipaddr.IPv6 | string {
  if (!ip.includes(':')) return ip
  // As every IPv4 client looks to a server that listens on both.
  if (ip.startsWith(MAPPED) && isIPv4(ip.slice(MAPPED.length))) return ip.slice(MAPPED.length)
  if (!ipaddr.IPv6.isValid(ip)) return ip
  const address = ipaddr.IPv6.parse(ip)
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address
}

/** Whether an address is on a list; text that is no address is on none. */
export function isListed(list: BlockList, ip: string | undefined): boolean {
  if (ip === undefined) return false
  const address = withoutMapping(ip)
  if (typeof address !== 'string')
    return list.check(address.toNormalizedString().split('%')[0] as string, 'ipv6')
  return isIPv4(address) && list.check(address, 'ipv4')
}

/** A list from addresses and networks in CIDR notation. */
export function parseList(option: string, entries: BlockList | readonly string[]): BlockList {
  if (entries instanceof BlockList) return entries
  const fix =
    "give a list of addresses and networks such as '192.0.2.1', '10.0.0.0/8' or '2001:db8::/32', or a BlockList of node:net"
  if (!Array.isArray(entries)) throw invalid(option, entries, fix)
  const list = new BlockList()
  for (const entry of entries as readonly unknown[]) {
    const network = typeof entry === 'string' ? parseNetwork(entry) : undefined
    if (!network) throw invalid(`an entry of ${option}`, entry, fix)
    list.addSubnet(...network)
  }
  return list
}

function parseNetwork(text: string): [network: string, prefix: number, family: 'ipv4' | 'ipv6'] | undefined {
  const [address = '', length, ...rest] = text.split('/')
  const isV4 = isIPv4(address)
  if ((!isV4 && !ipaddr.IPv6.isValid(address)) || rest.length > 0) return undefined
  const bits = isV4 ? 32 : 128
  const prefix = length === undefined ? bits : Number(/^\d{1,3}$/.test(length) ? length : Number.NaN)
  if (!(prefix <= bits)) return undefined
  if (isV4) return [address, prefix, 'ipv4']
  const parsed = ipaddr.IPv6.parse(address)
  if (parsed.isIPv4MappedAddress() && prefix >= 96)
    return [parsed.toIPv4Address().toString(), prefix - 96, 'ipv4']
  return [parsed.toNormalizedString().split('%')[0] as string, prefix, 'ipv6']
}

const PRIVATE = parseList('private networks', [
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::1',
  'fc00::/7',
  'fe80::/10',
])

/** An address that no client on the Internet has: that of a proxy beside the server. */
export function isPrivate(ip: string): boolean {
  return isListed(PRIVATE, ip)
}
