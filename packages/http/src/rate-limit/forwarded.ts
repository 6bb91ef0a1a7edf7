import type { Exchange } from '../exchange/exchange.ts'
import { socketAddress } from '../exchange/view.ts'
import { warnOnce } from '../warn.ts'
import { isPrivate } from './ip.ts'

/**
 * Makes the function that checks requests with a forwarded header, and warns, once for each framework, of either
 * mistake: the framework does not listen to a proxy, so that all clients behind it count as one, or it believes
 * everybody, so that a client can claim a new address with each request.
 *
 * The first is seen by the address being the socket's own and private: a client on the Internet that sends such a
 * header by itself does not set it off.
 */
export function proxyWarnings(): (exchange: Exchange, ip: string | undefined) => void {
  let checked = false
  let warned = false
  return (exchange, ip) => {
    const { headers } = exchange
    const name = headers['x-forwarded-for'] === undefined ? 'forwarded' : 'x-forwarded-for'
    // In the order of what it costs: all requests come through here, and most stop at one of the first.
    if (headers[name] === undefined || warned) return
    if (!checked) {
      // It is a setting of the application, the same for all requests.
      checked = true
      if (exchange.ipCanBeForged) {
        warned = true
        warnOnce(
          'PENKNIFE_TRUSTS_EVERY_PROXY',
          exchange.proxyFix,
          `the framework believes every '${name}' header, so that a client can write a new address, and get a new ` +
            `limit, with each request. To fix it: ${exchange.proxyFix}`,
        )
        return
      }
    }
    if (ip === undefined || ip !== socketAddress(exchange.request) || !isPrivate(ip)) return
    warned = true
    warnOnce(
      'PENKNIFE_UNTRUSTED_PROXY',
      exchange.proxyFix,
      `a request from ${ip} carries the header '${name}', which is not believed: behind a proxy all clients ` +
        `would share its address and its limit. To fix it: ${exchange.proxyFix}`,
    )
  }
}
