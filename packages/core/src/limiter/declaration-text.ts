import type { Calendar } from './algorithms/calendar.ts'
import type { Slots } from './algorithms/concurrency.ts'
import type { LimiterSettings } from './options.ts'
import type { KnownRule } from './rule.ts'

/** A limiter's rules as readable text, such as `minute: gcra, 100 in 60000 ms; exports: concurrency, 2, lease 30000 ms`. */
export function declarationText(
  rules: readonly KnownRule[],
  {
    routeBy,
    hashSubjects,
    place,
    ban,
    countDenied,
  }: Pick<LimiterSettings, 'routeBy' | 'hashSubjects' | 'place' | 'ban' | 'countDenied'>,
): string {
  const all = rules.map((rule) => {
    const { name, algorithm, limit, burst, windowMs, per, shadow, letter } = rule
    const span =
      letter === 'c'
        ? ` a ${(rule as Calendar).period}`
        : letter === 's'
          ? `, lease ${(rule as Slots).leaseUs / 1000} ms`
          : ` in ${windowMs} ms`
    const rest = [burst !== limit && `burst ${burst}`, per && `per ${per}`, shadow && 'shadow']
    return [`${name}: ${algorithm}, ${limit}${span}`, ...rest.filter(Boolean)].join(', ')
  })
  const more = [
    routeBy !== undefined && `routeBy ${routeBy}`,
    hashSubjects && 'hashSubjects',
    place === 'space' && 'place space',
    countDenied && 'countDenied',
    ban?.text,
  ]
  return [...all, ...more.filter(Boolean)].join('; ')
}
