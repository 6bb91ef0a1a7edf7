import type { Exchange } from '../exchange/exchange.ts'
import { warnOnce } from '../warn.ts'
import { isPrivate } from '../ip.ts'

/**
 * Creates the function that checks requests with a forwarded header. It warns, once for each framework, of two mistakes: the
 * framework does not trust the proxy, so that all clients behind it share a quota; or it trusts every client, so that a client
 * can send a new address with each request.
 *
 * It detects the first mistake when the address is the socket's own and private. So a client on the Internet that sends such a
 * header does not cause the warning.
 */
export function proxyWarnings(): (exchange: Exchange, ip: string | undefined) => void {
  let checked = false
  let warned = false
  return (exchange, ip) => {
    // The cheapest checks are first, because every request runs them, and most stop there.
    if (warned) return
    const name = exchange.header('x-forwarded-for') === undefined ? 'forwarded' : 'x-forwarded-for'
    if (exchange.header(name) === undefined) return
    if (!checked) {
      // A setting of the application, which is the same for all requests.
      checked = true
      if (exchange.ipCanBeForged) {
        warned = true
        warnOnce(
          'PENKNIFE_TRUSTS_EVERY_PROXY',
          exchange.proxyFix,
          `the framework trusts every '${name}' header, so a client can send a new address, and get a new ` +
            `quota, with each request. To fix it: ${exchange.proxyFix}`,
        )
        return
      }
    }
    if (ip === undefined || ip !== exchange.peerAddress || !isPrivate(ip)) return
    warned = true
    warnOnce(
      'PENKNIFE_UNTRUSTED_PROXY',
      exchange.proxyFix,
      `a request from ${ip} has the header '${name}', but the framework does not trust it: behind a proxy all ` +
        `clients share the proxy's address and its quota. To fix it: ${exchange.proxyFix}`,
    )
  }
}
