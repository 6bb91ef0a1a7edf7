import type { Exchange } from '@penknife/http'

/** What a request asks for. Undefined: something outside of the dashboard. */
export type Place =
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'page' | 'unknown' }
  | { readonly kind: 'asset' | 'api'; readonly name: string }

const DEFAULT = '/penknife'
const API = 'api/'
const ASSETS = 'assets/'

export function placeOf(exchange: Exchange, option: string | undefined): Place | undefined {
  const base = option === '/' ? '' : (option ?? mountOf(exchange) ?? DEFAULT)
  const { path } = exchange
  if (path === base) return { kind: 'redirect', location: redirectOf(base, exchange.url) }
  if (!path.startsWith(`${base}/`)) return undefined
  const rest = path.slice(base.length + 1)
  if (rest === '') return { kind: 'page' }
  if (rest.startsWith(API)) return { kind: 'api', name: rest.slice(API.length) }
  if (rest.startsWith(ASSETS)) return { kind: 'asset', name: rest.slice(ASSETS.length) }
  return { kind: 'unknown' }
}

/** The path at which Express or koa-mount mounted the middleware, as the client sent it. */
function mountOf({ context, path }: Exchange): string | undefined {
  const {
    request,
    mountPath,
    path: rest,
  } = (context ?? {}) as {
    readonly request?: { readonly baseUrl?: unknown }
    readonly mountPath?: unknown
    readonly path?: unknown
  }
  const koa = typeof mountPath === 'string' ? mountOfKoa(mountPath, path, rest) : undefined
  const base = request?.baseUrl ?? koa
  return typeof base === 'string' && base.length > 1 ? base.replace(/\/$/, '') : undefined
}

/** koa-mount takes its path away from the front of the context's, and keeps only the innermost one as `mountPath`. */
function mountOfKoa(mountPath: string, path: string, rest: unknown): string {
  if (typeof rest !== 'string' || path === rest) return mountPath
  if (path.endsWith(rest)) return path.slice(0, -rest.length)
  return rest === '/' ? path : mountPath
}

/** Relative, so that it is right behind a proxy that serves another path. */
function redirectOf(base: string, url: string): string {
  const at = url.indexOf('?')
  return `./${base.slice(base.lastIndexOf('/') + 1)}/${at < 0 ? '' : url.slice(at)}`
}
