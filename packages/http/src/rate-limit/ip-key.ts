import ipaddr from 'ipaddr.js'

/**
 * What a client is limited by when nothing better is known: its IPv4 address, or the /64 network of its IPv6
 * address, because a single home or server has a whole /64 to pick addresses from.
 *
 * An IPv4 address mapped into IPv6 (`::ffff:192.0.2.1`) is that IPv4 address. Text that is no address, which a
 * forged `X-Forwarded-For` can bring, is returned as it is.
 */
export function ipKey(ip: string): string {
  if (!ip.includes(':') || !ipaddr.IPv6.isValid(ip)) return ip
  const address = ipaddr.IPv6.parse(ip)
  if (address.isIPv4MappedAddress()) return address.toIPv4Address().toString()
  const network = address.parts.slice(0, 4).map((part) => part.toString(16))
  return `${network.join(':')}::/64`
}
