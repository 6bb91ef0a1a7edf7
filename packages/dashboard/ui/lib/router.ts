import { useEffect, useState } from 'preact/hooks'

/** Where the page is. It is kept in the fragment of the URL, so the page works below any path. */
export interface Route {
  readonly parts: readonly string[]
  readonly query: Readonly<Record<string, string>>
}

type Query = Readonly<Record<string, string | number | undefined>>

/** The link to a screen; parameters that are undefined or empty are left out. */
export function link(parts: readonly string[], query: Query = {}): string {
  const path = parts.map(encoded).join('/')
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => `${name}=${encoded(String(value))}`)
  return `#/${path}${pairs.length > 0 ? `?${pairs.join('&')}` : ''}`
}

export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const parts = path.split('/').filter((part) => part !== '')
  const query: Record<string, string> = Object.create(null) as Record<string, string>
  for (const pair of search.split('&')) {
    const [name = '', value = ''] = pair.split('=', 2)
    if (name !== '') query[name] = decoded(value)
  }
  return { parts: parts.map(decoded), query }
}

export function go(to: string): void {
  location.hash = to
}

/** The route now; the component is drawn again when it changes. */
export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const changed = (): void => setHash(location.hash)
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  return parseRoute(hash)
}

/** Half surrogate pairs cannot be in a URL. */
function encoded(text: string): string {
  return encodeURIComponent(text.replace(/\p{Cs}/gu, '\ufffd'))
}

/** A link that somebody cut or changed must not stop the page. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
