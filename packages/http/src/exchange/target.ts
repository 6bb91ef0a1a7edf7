const SCHEME_AND_AUTHORITY = /^[a-z][a-z\d+.-]*:\/\/[^/?]*/i

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
  const relative = rest.replace(SCHEME_AND_AUTHORITY, '')
  return relative === rest || relative.startsWith('/') ? relative : `/${relative}`
}
