import type { Exchange } from '../exchange/exchange.ts'
import { socketAddress } from '../exchange/view.ts'
import { warn } from '../warn.ts'
import { isPrivate } from './ip.ts'

/** The fixes that were told already; there are as many as frameworks. */
const told = new Set<string>()

/**
 * Warns, once for each framework, when a proxy says for whom it speaks and the framework does not listen: all
 * clients behind it then count as one.
 *
 * Seen by the address being the socket's own and private: a client on the Internet that sends such a header by
 * itself does not set it off.
 */
export function warnOfProxy({ headers, ip, proxyFix, request }: Exchange): void {
  const name = headers['x-forwarded-for'] === undefined ? 'forwarded' : 'x-forwarded-for'
  // In the order of what it costs: all requests come through here, and most stop at one of the first two.
  if (headers[name] === undefined || ip === undefined || ip !== socketAddress(request)) return
  if (told.has(proxyFix) || !isPrivate(ip)) return
  told.add(proxyFix)
  warn(
    'PENKNIFE_UNTRUSTED_PROXY',
    `a request from ${ip} carries the header '${name}', which is not believed: behind a proxy all clients ` +
      `would share its address and its limit. To fix it: ${proxyFix}`,
  )
}
