import type { RequestTrace } from './entry.ts'

const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/

/** Reads a `traceparent` header as the W3C specification asks; undefined if it is malformed. */
export function parseTrace(header: string | undefined): RequestTrace | undefined {
  if (header === undefined || header.length > 256) return undefined
  const [, version, id, parent, flags, more] = TRACEPARENT.exec(header) ?? []
  if (
    id === undefined ||
    parent === undefined ||
    version === 'ff' ||
    (version === '00' && more !== undefined)
  )
    return undefined
  if (/^0+$/.test(id) || /^0+$/.test(parent)) return undefined
  return { id, parent, sampled: (Number.parseInt(flags as string, 16) & 1) === 1 }
}
