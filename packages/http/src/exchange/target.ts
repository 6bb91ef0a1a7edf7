const SCHEME_AND_AUTHORITY = /^[a-z][a-z\d+.-]*:\/\/([^/?]*)/i
/** A user, if any, a name or an address, and a port. */
const PLAIN_AUTHORITY = /^(?:[\w.~:-]*@)?(?:\[[\da-f:.]*\]|[\w.-]*)(?::\d*)?$/i

/**
 * Path and query of a request target. Scheme, user and host of an absolute target (`GET http://user:pass@host/path`), which
 * Node passes on unchanged, are removed. So is a fragment, which no target may have.
 *
 * Express and Koa parse such targets with Node's url.parse, which takes a backslash in the path for a slash. So does this.
 */
export function pathAndQuery(target: string): string {
  const end = target.indexOf('#')
  if (end < 0 && target.startsWith('/')) return target
  const whole = end < 0 ? target : target.slice(0, end)
  const [path = '', ...query] = whole.split('?')
  const rest = [path.replaceAll('\\', '/'), ...query].join('?')
  const [start = '', authority = ''] = SCHEME_AND_AUTHORITY.exec(rest) ?? []
  // Parsers disagree where such a host ends, and so about the path. The result is a path that no route has.
  if (!PLAIN_AUTHORITY.test(authority)) return `//${authority.replace(/^.*@/, '')}${rest.slice(start.length)}`
  const relative = rest.slice(start.length)
  return relative === rest || relative.startsWith('/') ? relative : `/${relative}`
}
