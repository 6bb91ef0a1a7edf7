/** The parts of a router's layer that penknife reads. Express 4 and 5 keep routes and mounted routers in layers. */
interface Layer {
  /** The route, if the layer belongs to one. */
  readonly route?: unknown
  /** The mounted router, if the layer belongs to one: a function with its own stack. */
  readonly handle?: { readonly stack?: unknown } | undefined
  /** The path of the mount; since router 2.3. */
  readonly rawPath?: unknown
  /** The same as a regular expression; in Express 4. */
  readonly regexp?: RegExp
  /** One matcher for each path of the mount; in Express 5. */
  readonly matchers?: readonly unknown[]
  /** Returns the match, or stores it in `params` and `path`. */
  match?(path: string): unknown
  readonly params?: unknown
  readonly path?: unknown
}

/** The mounts of a route, from the application's router inwards, and the route's own layer. */
interface Chain {
  readonly mounts: readonly Layer[]
  readonly last: Layer
}

interface App {
  readonly mountpath?: unknown
  readonly parent?: App
  /** In Express 4, whose `router` throws. */
  readonly _router?: { readonly stack?: unknown }
  readonly router?: { readonly stack?: unknown }
}

/** The parts of a request that the route depends on. */
export interface RoutedRequest {
  readonly originalUrl?: string
  readonly baseUrl?: string | undefined
  readonly route?: { readonly path: unknown } | undefined
  readonly app?: unknown
}

/**
 * The pattern of the matched route, including the mount points of its routers and applications, such as
 * '/tenants/:tenant/items/:id'. Undefined if the pattern is not known. So there are never more routes than the application
 * has, whatever clients request.
 *
 * `request.baseUrl` is not enough: it has the values of parameters, and after an error it is that of another router.
 */
export function routeOf(request: RoutedRequest): string | undefined {
  const { route, app, baseUrl } = request
  if (!route || !app) return undefined
  try {
    const outer = mountOf(app)
    if (outer === undefined) return undefined
    const inner = mountsOf(request, app, route, outer)
    // An application that a router calls does not know its mount point.
    if (inner === undefined || (baseUrl && segments(baseUrl) !== segments(outer + inner))) return undefined
    return `${outer}${inner}${String(route.path)}`
  } catch {
    // Another version of Express with other internals, or a path that cannot be decoded.
    return undefined
  }
}

/** The mount point of an application in other applications. */
function mountOf({ mountpath, parent }: App): string | undefined {
  if (!parent) return ''
  const outer = mountOf(parent)
  return typeof mountpath === 'string' && outer !== undefined ? outer + trimmed(mountpath) : undefined
}

/** The mount points of a route's router in its application. */
function mountsOf(request: RoutedRequest, app: App, route: object, outer: string): string | undefined {
  let found = chains.get(route)
  if (!found) chains.set(route, (found = findChains(routerOf(app)?.stack, route)))
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

/** The chains of each route, found once. */
const chains = new WeakMap<object, readonly Chain[]>()

/** The most nested routers, because a router may be mounted in itself. */
const MAX_DEPTH = 10

/** Finds the chains of a route: one for each place where its router is mounted. */
function findChains(stack: unknown, route: object, mounts: readonly Layer[] = []): readonly Chain[] {
  if (!Array.isArray(stack) || mounts.length > MAX_DEPTH) return []
  return (stack as readonly Layer[]).flatMap((layer) => {
    if (layer.route === route) return [{ mounts, last: layer }]
    return layer.route ? [] : findChains(layer.handle?.stack, route, [...mounts, layer])
  })
}

/**
 * The patterns of a chain's mounts, if a path matches them: the path of the routers, or the whole path after an error, when
 * the routers' part is no longer known.
 */
function matched({ mounts, last }: Chain, path: string, whole: boolean): (string | undefined)[] | undefined {
  let rest = path
  const patterns: (string | undefined)[] = []
  for (const layer of mounts) {
    // Requests share layers, so the stored match is read at once.
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

/** The pattern of a mount without a stored path. The first request that shows it decides, so that it stays the same. */
const patternsOf = new WeakMap<Layer, string>()

function patternOf(layer: Layer, text: string, params: Params): string | undefined {
  if (typeof layer.rawPath === 'string') return trimmed(layer.rawPath)
  if (isUnknown(layer)) return undefined
  const known = patternsOf.get(layer)
  if (known !== undefined) return known
  // Clients choose the case if the router ignores it.
  const lower = text.toLowerCase()
  const pattern = withNames(layer.match?.(lower || '/') ? lower : text, text, params)
  if (pattern !== undefined) patternsOf.set(layer, pattern)
  return pattern
}

/**
 * Whether the pattern of a mount cannot be known: a regular expression, whose text the client chooses, or a list of paths.
 * The expressions that Express 4 makes of text have a certain end; those of a list are joined by |.
 */
function isUnknown({ rawPath, regexp, matchers = [] }: Layer): boolean {
  if (rawPath instanceof RegExp || matchers.length > 1) return true
  if (regexp === undefined) return false
  return !regexp.source.endsWith('(?=\\/|$)') || regexp.source.includes('(?=\\/|$)|^')
}

/** Replaces values of parameters by their names. Undefined if that is ambiguous. */
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
