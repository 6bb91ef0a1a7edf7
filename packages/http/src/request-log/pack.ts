import type { RequestEntry } from './entry.ts'

/** The own fields of an entry, and whether a value fits them. */
const OWN: Readonly<Record<string, (value: unknown) => boolean>> = {
  at: isNumber,
  method: isText,
  path: isText,
  route: isOptionalText,
  // An aborted one is negative in the list.
  status: (value) => isNumber(value) && (value as number) > 0,
  durationMs: isNumber,
  bytesIn: isNumber,
  bytesOut: isNumber,
  aborted: (value) => typeof value === 'boolean',
  ip: isOptionalText,
  userAgent: isOptionalText,
  id: isOptionalText,
  user: isOptionalText,
}

function isNumber(value: unknown): boolean {
  return Number.isFinite(value)
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

function isOptionalText(value: unknown): boolean {
  return value === undefined || isText(value)
}

/** Fields that the application cannot set, because the log counts with them. */
const RESERVED = new Set(['dropped', 'anonymised'])

/** The rare fields of an entry, by one letter: user, query, trace, error, limit, rate, anonymised, and fields of the application. */
interface Rest {
  u?: string
  q?: Readonly<Record<string, string>>
  t?: readonly [id: string, parent: string, sampled: 0 | 1]
  e?: readonly [name: string, message: string]
  l?: readonly [limiter: string, rule: string, remaining: number, allowed: 0 | 1]
  r?: number
  a?: 1
  f?: object
}

/** Fields of the application that replace own fields of an entry or are added to it. */
export type MoreFields = Readonly<Record<string, unknown>>

/**
 * An entry as a JSON list, because names would be most of it:
 *
 *     [dropped, at, method, path, route, status, durationMs, bytesIn, bytesOut, ip, userAgent, id, rest]
 *
 * A missing text is 0. The route is 1 when it equals the path. The status of an aborted request is negative. The list ends after its
 * last value.
 */
export function packEntry(entry: RequestEntry, more?: MoreFields): string {
  let fields: MoreFields | undefined
  let own = entry
  if (more) {
    const others: Record<string, unknown> = {}
    const replaced: Record<string, unknown> = {}
    for (const [name, value] of Object.entries(more)) {
      if (RESERVED.has(name)) continue
      if (OWN[name]?.(value)) replaced[name] = value
      else if (value !== undefined) others[name] = value
    }
    own = { ...entry, ...replaced }
    if (Object.keys(others).length > 0) fields = others
  }
  const { at, method, path, route, status, durationMs, bytesIn, bytesOut, ip, userAgent, id } = own
  const list: unknown[] = [
    own.dropped ?? 0,
    at,
    method,
    path,
    route === undefined ? 0 : route === path ? 1 : route,
    own.aborted ? -status : status,
    durationMs,
    bytesIn,
    bytesOut,
    ip ?? 0,
    userAgent ?? 0,
    id ?? 0,
  ]
  const rest = restOf(own, fields)
  if (rest) list.push(rest)
  return JSON.stringify(list)
}

function restOf(entry: RequestEntry, fields: MoreFields | undefined): Rest | undefined {
  const { user, query, trace, error, limit, rate, anonymised } = entry
  const isUsual =
    user === undefined && !query && !trace && !error && !limit && rate === undefined && !anonymised && !fields
  if (isUsual) return undefined
  const rest: Rest = {}
  if (user !== undefined) rest.u = user
  if (query) rest.q = query
  if (trace) rest.t = [trace.id, trace.parent, trace.sampled ? 1 : 0]
  if (error) rest.e = [error.name, error.message]
  if (limit) rest.l = [limit.limiter, limit.rule, limit.remaining, limit.allowed ? 1 : 0]
  if (rate !== undefined) rest.r = rate
  if (anonymised) rest.a = 1
  if (fields) rest.f = fields
  return rest
}

/** An entry as a JSON object, for streams of the application. */
export function plainEntry(entry: RequestEntry, more?: MoreFields): object {
  if (!more) return entry
  const { dropped: _dropped, anonymised: _anonymised, ...fields } = more
  return { ...entry, ...fields }
}

/** The text of an entry with the number of requests that could not be logged before it. */
export function withDropped(text: string, dropped: number): string {
  return text.startsWith('[')
    ? `[${dropped}${text.slice(text.indexOf(','))}`
    : `{"dropped":${dropped},${text.slice(1)}`
}

/** The entry of a JSON value that `packEntry` or `plainEntry` made; undefined for another value. */
export function unpackEntry(value: unknown): RequestEntry | undefined {
  if (!Array.isArray(value)) return isPlainEntry(value) ? value : undefined
  const [dropped, at, method, path, route, status, durationMs, bytesIn, bytesOut, ip, userAgent, id, rest] =
    value as readonly unknown[]
  const known =
    [dropped, at, status, durationMs, bytesIn, bytesOut].every(isNumber) && isText(method) && isText(path)
  if (!known) return undefined
  const { u, q, t, e, l, r, a, f } = (typeof rest === 'object' && rest !== null ? rest : {}) as Rest
  return {
    at: at as number,
    method: method as string,
    path: path as string,
    ...(route === 1 ? { route: path as string } : given('route', route)),
    status: Math.abs(status as number),
    durationMs: durationMs as number,
    bytesIn: bytesIn as number,
    bytesOut: bytesOut as number,
    ...given('ip', ip),
    ...given('userAgent', userAgent),
    ...given('id', id),
    aborted: (status as number) < 0,
    ...given('user', u),
    ...(q && { query: q }),
    ...(t && { trace: { id: t[0], parent: t[1], sampled: t[2] === 1 } }),
    ...(e && { error: { name: e[0], message: e[1] } }),
    ...(l && { limit: { limiter: l[0], rule: l[1], remaining: l[2], allowed: l[3] === 1 } }),
    ...(r !== undefined && { rate: r }),
    ...(dropped !== 0 && { dropped: dropped as number }),
    ...(a === 1 && { anonymised: true }),
    ...f,
  }
}

function given(name: 'route' | 'ip' | 'userAgent' | 'id' | 'user', value: unknown): Partial<RequestEntry> {
  return typeof value === 'string' ? { [name]: value } : {}
}

function isPlainEntry(value: unknown): value is RequestEntry {
  return (
    typeof value === 'object' &&
    value !== null &&
    isNumber((value as RequestEntry).at) &&
    isText((value as RequestEntry).path)
  )
}
