import { invalid } from '@penknife/http/adapter'

/**
 * The client's address that your proxies wrote into `X-Forwarded-For`. The client itself can write addresses before it, so the
 * last one counts: that of the proxy next to this server. Undefined if the header has fewer addresses.
 *
 * @param proxies how many proxies of yours are in front of this server. Default: 1.
 * @throws PENKNIFE_INVALID if `proxies` is not a whole number from 1.
 */
export function forwardedFor(request: Request, proxies = 1): string | undefined {
  if (!Number.isInteger(proxies) || proxies < 1) {
    throw invalid('forwardedFor proxies', proxies, 'give a whole number from 1')
  }
  const addresses = request.headers.get('x-forwarded-for')?.split(',') ?? []
  return addresses.at(-proxies)?.trim() || undefined
}
