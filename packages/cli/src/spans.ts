const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

/** A span of time in one or two units, such as `2m 5s`. */
export function span(ms: number): string {
  if (ms === Infinity) return 'forever'
  const whole = Math.max(0, Math.round(ms))
  const at = UNITS.findIndex(([, size]) => whole >= size)
  const found = UNITS[at]
  if (!found) return `${whole}ms`
  const next = UNITS[at + 1]
  const rest = next ? Math.floor((whole % found[1]) / next[1]) : 0
  const head = `${Math.floor(whole / found[1])}${found[0]}`
  return next && rest > 0 ? `${head} ${rest}${next[0]}` : head
}

/** How old the oldest entry is; nothing when there is none. */
export function age(ms: number): string {
  return ms === 0 ? '' : span(ms)
}

/** A time as people in any time zone read it: ISO 8601 in UTC, without fractions. */
export function time(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) < 8.64e15
    ? new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
    : String(ms)
}

/** How long ago it was. */
export function ago(ms: number): string {
  return `${span(Date.now() - ms)} ago`
}

/** A count with its noun. */
export function plural(count: number, one: string, many: string): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`
}
