import type { RequestEntry } from './entry.ts'

/** An entry with nothing that tells who made the request. */
export function anonymous(entry: RequestEntry): RequestEntry {
  const { at, method, route, status, durationMs, bytesIn, bytesOut, aborted, limit, rate, dropped, error } =
    entry
  return {
    at,
    method,
    path: route ?? '',
    ...(route !== undefined && { route }),
    status,
    durationMs,
    bytesIn,
    bytesOut,
    aborted,
    ...(error && { error: { name: error.name, message: '' } }),
    ...(limit && { limit }),
    ...(rate !== undefined && { rate }),
    ...(dropped !== undefined && { dropped }),
    anonymised: true,
  }
}
