import type { LimiterSubject } from '@penknife/core'

import { subjectQuery } from '../../lib/api.ts'
import { link, type Route } from '../../lib/router.ts'

/** A subject as text: of an object each part. */
export function subjectText(subject: LimiterSubject): string {
  if (typeof subject === 'string') return subject
  return Object.entries(subject)
    .map(([part, text]) => `${part}=${text}`)
    .join(' ')
}

/** Whether a subject, or a part of it, is a hash: its state cannot be looked up by it. */
export function isHashed(subject: LimiterSubject): boolean {
  return (typeof subject === 'string' ? [subject] : Object.values(subject)).some((text) =>
    text.startsWith('#'),
  )
}

export function subjectLink(space: string, limiter: string, subject: LimiterSubject): string {
  return link(['s', space, 'limits', limiter], subjectQuery(subject))
}

/** The subject that the route names. */
export function subjectOf(query: Route['query'], parts: readonly string[]): LimiterSubject | undefined {
  if (parts.length === 0) return query['subject']
  const given = parts.flatMap((part) => {
    const text = query[`part.${part}`]
    return text === undefined ? [] : [[part, text] as const]
  })
  return given.length === 0 ? undefined : Object.fromEntries(given)
}
