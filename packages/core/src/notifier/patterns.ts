/**
 * Makes a function that checks whether a text matches one of the patterns, in which `*` stands for any characters or none.
 *
 * It searches the parts between the stars from left to right, each at its first place, without backtracking. So its time
 * is bounded for every pattern.
 */
export function matcher(patterns: readonly string[]): (text: string) => boolean {
  const split = patterns.map((pattern) => pattern.split('*'))
  return (text) => split.some((parts) => matches(parts, text))
}

function matches(parts: readonly string[], text: string): boolean {
  const first = parts[0] as string
  if (parts.length === 1) return text === first
  const last = parts.at(-1) as string
  const end = text.length - last.length
  let at = first.length
  if (at > end || !text.startsWith(first) || !text.endsWith(last)) return false
  for (let part = 1; part < parts.length - 1; part++) {
    const expected = parts[part] as string
    const found = text.indexOf(expected, at)
    if (found === -1) return false
    at = found + expected.length
    if (at > end) return false
  }
  return true
}
