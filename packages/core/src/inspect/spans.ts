const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const

/** A span of time as text with one or two units, such as `2 min 5 s`, rounded down; `340 ms` below a second. */
export function spanText(ms: number): string {
  if (ms === Infinity) return 'forever'
  const whole = Math.max(0, Math.round(ms))
  const first = UNITS.findIndex(([, size]) => whole >= size)
  if (first === -1) return `${whole} ms`
  const [unit, size] = UNITS[first] as (typeof UNITS)[number]
  const next = UNITS[first + 1]
  const rest = next ? Math.floor((whole % size) / next[1]) : 0
  const head = `${Math.floor(whole / size)} ${unit}`
  return next && rest > 0 ? `${head} ${rest} ${next[0]}` : head
}
