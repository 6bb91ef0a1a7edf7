import { invalid } from '@penknife/core/internal'

/** Whether a finished request is left out. */
export type LeftOut = (method: string, path: string, status: number) => boolean

/**
 * Patterns of paths: a path, a beginning (`/assets/*`) or an ending (`*.css`). Only a GET or HEAD that ended with a status below 400
 * is left out, so that no client can hide a change or a failed attempt behind such a path.
 */
export function leavesOut(patterns: readonly string[]): LeftOut {
  const fix = "give paths such as '/health', '/assets/*' or '*.css', or a function of the exchange"
  if (!Array.isArray(patterns)) throw invalid('requestLog skip', patterns, fix)
  const paths = new Set<string>()
  const beginnings: string[] = []
  const endings: string[] = []
  for (const pattern of patterns as readonly unknown[]) {
    if (typeof pattern !== 'string' || !/^(?:\/[^*]*\*?|\*[^*]+)$/.test(pattern))
      throw invalid('an entry of requestLog skip', pattern, fix)
    if (pattern.startsWith('*')) endings.push(pattern.slice(1))
    else if (pattern.endsWith('*')) beginnings.push(pattern.slice(0, -1))
    else paths.add(pattern)
  }
  return (method, path, status) =>
    status < 400 &&
    (method === 'GET' || method === 'HEAD') &&
    (paths.has(path) ||
      beginnings.some((beginning) => path.startsWith(beginning)) ||
      endings.some((ending) => path.endsWith(ending)))
}
