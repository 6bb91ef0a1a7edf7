import { PenknifeError } from '@penknife/core'

import { type Findings, settlesWithin } from './harness.ts'

/** A call that takes so long has no end: some wait for several deadlines, one after the other. */
export const SETTLES_MS = 10_000

/** Checks the promises of every call, with any content and any reply of Redis. */
export interface Checker {
  /** Makes a call. It must end with a value or a PenknifeError, which is returned. `what` names the input. */
  call(name: string, call: () => Promise<unknown>, what: () => string): Promise<PenknifeError | undefined>
  /** How calls ended so far, such as `values 20, PENKNIFE_REJECTED not-done 3`. */
  readonly ends: string
}

export function createChecker(findings: Findings): Checker {
  const ends = new Map<string, number>()
  return {
    async call(name, call, what) {
      let error: unknown
      const ended = Promise.resolve()
        .then(call)
        .catch((thrown: unknown) => void (error = thrown))
      if (!(await settlesWithin(ended, SETTLES_MS))) findings.add(`${name} did not settle`, what())
      const known = error instanceof PenknifeError ? error : undefined
      if (error !== undefined && !known) findings.add(`${name} failed with ${shown(error)}`, what())
      const end = known ? `${known.code} ${known.fate}` : 'values'
      ends.set(end, (ends.get(end) ?? 0) + 1)
      return known
    },
    get ends() {
      return [...ends].map(([end, count]) => `${end} ${count}`).join(', ')
    },
  }
}

function shown(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return `${error.name}: ${error.message.slice(0, 80)} (${/at .*/.exec(error.stack ?? '')?.[0]})`
}

/** Drops process warnings, which spoiled data and replies cause in large numbers. Returns a function that stops it. */
export function dropWarnings(): () => void {
  const listeners = process.rawListeners('warning') as ((warning: Error) => void)[]
  process.removeAllListeners('warning')
  return () => {
    for (const listener of listeners) process.on('warning', listener)
  }
}
