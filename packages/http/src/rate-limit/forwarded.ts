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
  if (told.has(proxyFix)) return
  const name = ['x-forwarded-for', 'forwarded'].find((header) => headers[header] !== undefined)
  if (!name || ip === undefined || !isPrivate(ip) || ip !== socketAddress(request)) return
  told.add(proxyFix)
  warn(
    'PENKNIFE_UNTRUSTED_PROXY',
    `a request from ${ip} carries the header '${name}', which is not believed: behind a proxy all clients ` +
      `would share its address and its limit. To fix it: ${proxyFix}`,
  )
}
