/** A layer of a router's stack, as far as it is read. Express 4 and 5 keep routes and mounted routers in such. */
interface Layer {
  /** Of a layer that is a route's own. */
  readonly route?: unknown
  /** Of a mounted router: a function with a stack of its own. */
  readonly handle?: { readonly stack?: unknown } | undefined
  /** The path that it was given; from router 2.3 on. */
  readonly rawPath?: unknown
  /** The same as an expression; in Express 4. */
  readonly regexp?: RegExp
  /** One for each path that it was given; in Express 5. */
  readonly matchers?: readonly unknown[]
  /** Answers with what matched, or leaves it behind as `params` and `path`. */
  match?(path: string): unknown
  readonly params?: unknown
  readonly path?: unknown
}

/** The routers that a route is mounted in, from the application's own on, and the route's own layer. */
interface Chain {
  readonly mounts: readonly Layer[]
  readonly last: Layer
}

interface App {
  readonly mountpath?: unknown
  readonly parent?: App
  /** In Express 4, where `router` throws. */
  readonly _router?: { readonly stack?: unknown }
  readonly router?: { readonly stack?: unknown }
}

/** A request, as far as its route is read. */
export interface RoutedRequest {
  readonly originalUrl?: string
  readonly baseUrl?: string | undefined
  readonly route?: { readonly path: unknown } | undefined
  readonly app?: unknown
}

/**
 * The pattern of the route that matched, with those of the routers and applications that it is mounted in, such as
 * '/tenants/:tenant/items/:id'. Undefined where it cannot be told as a pattern: there are never more routes than the
 * application has, whatever clients ask for.
 *
 * `request.baseUrl` does not do: it has the values of parameters, and after an error it is that of another router.
 */
export function routeOf(request: RoutedRequest): string | undefined {
  const { route, app, baseUrl } = request
  if (!route || !app) return undefined
  try {
    const outer = mountOf(app)
    if (outer === undefined) return undefined
    const inner = mountsOf(request, app, route, outer)
    // An application that is called by a router does not know where.
    if (inner === undefined || (baseUrl && segments(baseUrl) !== segments(outer + inner))) return undefined
    return `${outer}${inner}${String(route.path)}`
  } catch {
    // A version with other internals, or a path that cannot be decoded.
    return undefined
  }
}

/** Where an application is mounted in others. */
function mountOf({ mountpath, parent }: App): string | undefined {
  if (!parent) return ''
  const outer = mountOf(parent)
  return typeof mountpath === 'string' && outer !== undefined ? outer + trimmed(mountpath) : undefined
}

/** Where a route's router is mounted in its application. */
function mountsOf(request: RoutedRequest, app: App, route: object, outer: string): string | undefined {
  const found = chains.get(route) ?? findChains(routerOf(app)?.stack, route)
  chains.set(route, found)
  const [only] = found
  if (only && found.length === 1 && only.mounts.every(({ rawPath }) => typeof rawPath === 'string')) {
    return only.mounts.map(({ rawPath }) => trimmed(rawPath as string)).join('')
  }
  const { baseUrl, originalUrl = '' } = request
  const path = below(baseUrl || (originalUrl.split('?')[0] as string), segments(outer))
  for (const chain of found) {
    const patterns = matched(chain, path, !baseUrl)
    if (patterns) return patterns.includes(undefined) ? undefined : patterns.join('')
  }
  return undefined
}

function routerOf(app: App): App['router'] {
  const { _router: old } = app
  return old ?? app.router
}

/** Found once for each route, and gone with it. */
const chains = new WeakMap<object, readonly Chain[]>()

/** Routers in routers that are looked into, since a router may be mounted in itself. */
const DEEPEST = 10

/** The ways to a route: as many as there are places where its router is mounted. */
function findChains(stack: unknown, route: object, mounts: readonly Layer[] = []): readonly Chain[] {
  if (!Array.isArray(stack) || mounts.length > DEEPEST) return []
  return (stack as readonly Layer[]).flatMap((layer) => {
    if (layer.route === route) return [{ mounts, last: layer }]
    return layer.route ? [] : findChains(layer.handle?.stack, route, [...mounts, layer])
  })
}

/**
 * The patterns of a chain's mounts, if a path goes this way: the path of its routers or, after an error, when nobody
 * knows that any more, the whole path.
 */
function matched({ mounts, last }: Chain, path: string, whole: boolean): (string | undefined)[] | undefined {
  let rest = path
  const patterns: (string | undefined)[] = []
  for (const layer of mounts) {
    // Requests share layers: what a match leaves behind is read at once.
    const found = layer.match?.(rest || '/')
    const { path: text, params } = (found === true ? layer : found || {}) as Layer
    if (typeof text !== 'string') return undefined
    patterns.push(patternOf(layer, trimmed(text), params as Params))
    rest = rest.slice(text.length)
  }
  const goesOn = whole ? Boolean(last.match?.(rest || '/')) : trimmed(rest) === ''
  return goesOn ? patterns : undefined
}

type Params = Readonly<Record<string, unknown>>

/** The pattern of a mount whose path is not kept. The first request that tells decides, so that it stays one. */
const patternsOf = new WeakMap<Layer, string>()

function patternOf(layer: Layer, text: string, params: Params): string | undefined {
  if (typeof layer.rawPath === 'string') return trimmed(layer.rawPath)
  if (isUnknown(layer)) return undefined
  const known = patternsOf.get(layer)
  if (known !== undefined) return known
  // Clients choose the case of what matches in any.
  const lower = text.toLowerCase()
  const pattern = withNames(layer.match?.(lower || '/') ? lower : text, text, params)
  if (pattern !== undefined) patternsOf.set(layer, pattern)
  return pattern
}

/**
 * What an expression matches is the client's to choose; of a list of paths nobody knows which it was. The expressions that
 * Express 4 makes of text end in a way of their own, and those of a list stand beside each other.
 */
function isUnknown({ rawPath, regexp, matchers = [] }: Layer): boolean {
  if (rawPath instanceof RegExp || matchers.length > 1) return true
  if (regexp === undefined) return false
  return !regexp.source.endsWith('(?=\\/|$)') || regexp.source.includes('(?=\\/|$)|^')
}

/** The names of parameters in place of their values; undefined where it is not certain which is which. */
function withNames(shown: string, text: string, params: Params): string | undefined {
  const parts = shown.split('/')
  const values = text.split('/').map((part) => decodeURIComponent(part))
  for (const [name, value] of Object.entries(params)) {
    const at = values.indexOf(value as string)
    // Groups of an expression have numbers.
    if (at === -1 || /^\d/.test(name) || values.includes(value as string, at + 1)) return undefined
    parts[at] = `:${name}`
  }
  return parts.join('/')
}

/** A path without its first segments. */
function below(path: string, skipped: number): string {
  return skipped === 0 ? path : ['', ...path.split('/').slice(skipped + 1)].join('/')
}

function trimmed(path: string): string {
  return path.replace(/\/+$/, '')
}

function segments(path: string): number {
  return trimmed(path).split('/').length - 1
}
