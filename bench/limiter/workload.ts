export const SUBJECTS = 1000

/** So long that nothing comes back while a round runs: who admits what can be counted. */
export const WINDOW_MS = 24 * 60 * 60 * 1000

const subjects = Array.from({ length: SUBJECTS }, (_, at) => `user-${at}`)

/** Every subject in turn. */
export function subjectOf(at: number): string {
  return subjects[at % SUBJECTS] as string
}

/** The limit of a subject: nearly all of its calls pass, and a limiter that admits everything is found out. */
export function limitFor(ops: number): number {
  return Math.max(1, Math.floor((ops / SUBJECTS) * 0.98))
}

/** The calls that pass when each subject makes `ops / SUBJECTS` of them; an answer is 1 for a call that passes. */
export function allowedOf(ops: number): number {
  return SUBJECTS * Math.min(limitFor(ops), ops / SUBJECTS)
}
