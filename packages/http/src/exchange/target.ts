const SCHEME_AND_AUTHORITY = /^[a-z][a-z\d+.-]*:\/\/([^/?]*)/i
/** A user, if any, a name or an address, and a port. */
const PLAIN_AUTHORITY = /^(?:[\w.~:-]*@)?(?:\[[\da-f:.]*\]|[\w.-]*)(?::\d*)?$/i

/**
 * Path and query of a request target. An absolute one (`GET http://user:pass@host/path`), which Node passes on as it
 * came, loses scheme, user and host; a fragment, which no target may have, is cut off.
 *
 * Express and Koa read such targets with Node's url.parse, which takes a backslash of the path for a slash: so does this.
 */
export function pathAndQuery(target: string): string {
  const end = target.indexOf('#')
  if (end < 0 && target.startsWith('/')) return target
  const whole = end < 0 ? target : target.slice(0, end)
  const [path = '', ...query] = whole.split('?')
  const rest = [path.replaceAll('\\', '/'), ...query].join('?')
  const [start = '', authority = ''] = SCHEME_AND_AUTHORITY.exec(rest) ?? []
  // Where such a host ends, url.parse and others are of different minds, and so of the path: then it is that of no route.
  if (!PLAIN_AUTHORITY.test(authority)) return `//${authority.replace(/^.*@/, '')}${rest.slice(start.length)}`
  const relative = rest.slice(start.length)
  return relative === rest || relative.startsWith('/') ? relative : `/${relative}`
}
