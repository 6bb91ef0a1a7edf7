/**
 * Whether a text fits one of some patterns, in which `*` stands for any characters or none.
 *
 * The parts between the stars are looked for from left to right, each as early as it can be, and never again: no
 * pattern makes it try combinations.
 */
export function matcher(patterns: readonly string[]): (text: string) => boolean {
  const split = patterns.map((pattern) => pattern.split('*'))
  return (text) => split.some((parts) => fits(parts, text))
}

function fits(parts: readonly string[], text: string): boolean {
  const first = parts[0] as string
  if (parts.length === 1) return text === first
  const last = parts.at(-1) as string
  const end = text.length - last.length
  let at = first.length
  if (at > end || !text.startsWith(first) || !text.endsWith(last)) return false
  for (let part = 1; part < parts.length - 1; part++) {
    const wanted = parts[part] as string
    const found = text.indexOf(wanted, at)
    if (found === -1) return false
    at = found + wanted.length
    if (at > end) return false
  }
  return true
}
