import { BlockList, isIPv4 } from 'node:net'

import { invalid, printable } from '@penknife/core/internal'
import ipaddr from 'ipaddr.js'

import { warnOnce } from './warn.ts'

const MAPPED = '::ffff:'

/** The key of all clients whose address is not a valid address. */
const NO_ADDRESS = 'no-address'

/**
 * The default key of a client: its IPv4 address, or the network of its IPv6 address, because a single home or server can use
 * all addresses of a /64. Some providers assign a /56 or a /48. A shorter prefix is stricter with their customers, and puts
 * more of them into one quota.
 *
 * An IPv4 address mapped into IPv6 (`::ffff:192.0.2.1`, or `64:ff9b::192.0.2.1` behind a translator) counts as that IPv4
 * address. A port, brackets and a zone are removed. All text that is not an address, such as in a forged `X-Forwarded-For`,
 * has the same key, 'no-address', so that invented text gains nothing. The first such text is reported as a process warning.
 */
export function ipKey(ip: string, ipv6Prefix = 64): string {
  if (ip === '') return ip
  const address = addressOf(ip)
  if (address === undefined) {
    warnOnce(
      'PENKNIFE_NO_ADDRESS',
      '',
      `a client's address is ${JSON.stringify(printable(ip, 60))}, which is not an IP address: all such clients share ` +
        'one quota. Make the proxy send addresses, or give rateLimit a key function',
    )
    return NO_ADDRESS
  }
  return typeof address === 'string' ? address : networkOf(address, ipv6Prefix)
}

/** The network of an address in CIDR notation: the /24 of an IPv4 address, the /48 of an IPv6 address. Undefined for other text. */
export function ipNetwork(ip: string): string | undefined {
  const address = addressOf(ip)
  if (typeof address === 'string') return `${address.slice(0, address.lastIndexOf('.'))}.0/24`
  return address && networkOf(address, 48)
}

/** An address in its shortest form, IPv4 also if it was mapped into IPv6. Undefined for other text. */
export function ipAddress(ip: string): string | undefined {
  const address = addressOf(ip)
  return typeof address === 'object' ? address.toRFC5952String() : address
}

function networkOf({ parts }: ipaddr.IPv6, prefix: number): string {
  const groups = []
  for (let bit = 0; bit < prefix; bit += 16) {
    const kept = Math.min(16, prefix - bit)
    groups.push(((parts[bit / 16] as number) & (0xffff << (16 - kept))).toString(16))
  }
  return `${groups.join(':')}${groups.length < 8 ? '::' : ''}/${prefix}`
}

/** The longest text that is parsed: an IPv6 address with zone, brackets and port is shorter. */
const LONGEST_ADDRESS = 128

/** An IPv6 address, or the text of an IPv4 address, mapped into IPv6 or not; undefined for text that is neither. */
function addressOf(text: string): ipaddr.IPv6 | string | undefined {
  if (text.length > LONGEST_ADDRESS) return undefined
  return plainAddress(text) ?? plainAddress(withoutPort(text.trim()))
}

function plainAddress(text: string): ipaddr.IPv6 | string | undefined {
  if (isIPv4(text)) return text
  // The form of IPv4 clients on a server that listens on both protocols.
  if (text.startsWith(MAPPED) && isIPv4(text.slice(MAPPED.length))) return text.slice(MAPPED.length)
  if (!text.includes(':') || !ipaddr.IPv6.isValid(text)) return undefined
  const address = ipaddr.IPv6.parse(text)
  if (address.isIPv4MappedAddress()) return address.toIPv4Address().toString()
  return isTranslated(address) ? embedded(address) : address
}

/** Whether it is an IPv4 address translated for a network without IPv4: 64:ff9b::/96 (RFC 6052). */
function isTranslated({ parts }: ipaddr.IPv6): boolean {
  return parts[0] === 0x64 && parts[1] === 0xff9b && parts.slice(2, 6).every((part) => part === 0)
}

/** The IPv4 address in the last 32 bits. */
function embedded({ parts }: ipaddr.IPv6): string {
  const [high = 0, low = 0] = parts.slice(6)
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** The address in `203.0.113.9:50000`, `[2001:db8::1]:50001` or `[2001:db8::1]`, as some load balancers send it. */
function withoutPort(text: string): string {
  return /^\[(.*)\](?::\d*)?$/.exec(text)?.[1] ?? text.replace(/:\d+$/, '')
}

/** Whether an address, with or without a port, is on a list; text that is not an address is on no list. */
export function isListed(list: BlockList, ip: string | undefined): boolean {
  if (ip === undefined) return false
  const address = addressOf(ip)
  if (address === undefined) return false
  if (typeof address === 'string') return list.check(address, 'ipv4')
  return list.check(address.toNormalizedString().split('%')[0] as string, 'ipv6')
}

/** Parses a list of addresses and networks in CIDR notation. */
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

/** Whether an address is private: no client on the Internet has it, but a proxy beside the server may. */
export function isPrivate(ip: string): boolean {
  return isListed(PRIVATE, ip)
}
