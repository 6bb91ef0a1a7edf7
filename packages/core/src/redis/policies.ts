import type { ErrorCode, PenknifeError } from '../errors.ts'

/** A limiter whose policy decides, because Redis does not. */
export interface PolicyInUse {
  readonly space: string
  /** The limiter's name. */
  readonly name: string
  /** Its `whenUnavailable`. `local`: this process decides by its share of the rules. */
  readonly policy: 'open' | 'closed' | 'local'
  /** The code of the error that calls would fail with under the policy `throw`. */
  readonly code: ErrorCode
  /** The message of the last of those errors. */
  readonly reason: string
  /** How many calls the policy decided for this reason. */
  readonly decisions: number
  /** Milliseconds since the first of them. */
  readonly sinceMs: number
  /** Milliseconds since the last of them. */
  readonly lastMs: number
}

export type PolicyOf = Pick<PolicyInUse, 'space' | 'name' | 'policy'>

/**
 * The limiters whose policies decide, and why. A reason ends when Redis decides a call and the policy has decided none for a
 * second, so that occasional failures are reported once. Without calls it ends after 5 s. A reason that concerns one key ends
 * when the policy has decided no call for a minute, because calls for other keys prove nothing about that key.
 */
export interface Policies {
  /** False when no policy decides. Then `done` need not be called. */
  readonly any: boolean
  decided(by: PolicyOf, error: PenknifeError): void
  /** Redis decided a call of that limiter. */
  done(space: string, name: string): void
  list(): readonly PolicyInUse[]
}

const QUIET_MS = 1000
const FORGOTTEN_MS = 5000
const KEY_FORGOTTEN_MS = 60_000
/** Failures of one key, or of one reply. */
const OF_A_KEY: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['PENKNIFE_REJECTED', 'PENKNIFE_BAD_REPLY'])

interface Entry {
  readonly by: PolicyOf
  readonly code: ErrorCode
  reason: string
  decisions: number
  readonly firstAt: number
  lastAt: number
}

/** Calls `began` at a limiter's first decision for a reason, and `ended` when a limiter has no reason left. */
export function createPolicies(
  began: (use: PolicyInUse) => void,
  ended: (space: string, name: string) => void,
): Policies {
  const entries = new Map<string, Entry>()

  function show({ by, code, reason, decisions, firstAt, lastAt }: Entry): PolicyInUse {
    const now = performance.now()
    const { space, name, policy } = by
    return { space, name, policy, code, reason, decisions, sinceMs: now - firstAt, lastMs: now - lastAt }
  }

  function end(wanted: (entry: Entry) => boolean): void {
    for (const [key, entry] of entries) {
      if (!wanted(entry)) continue
      entries.delete(key)
      const { space, name } = entry.by
      const more = [...entries.values()].some(({ by }) => by.space === space && by.name === name)
      if (!more) ended(space, name)
    }
  }

  return {
    get any() {
      return entries.size > 0
    },
    decided(by, { code, message }) {
      const now = performance.now()
      const key = `${by.space} ${by.name} ${by.policy} ${code}`
      const known = entries.get(key)
      const entry = known ?? { by, code, reason: message, decisions: 0, firstAt: now, lastAt: now }
      entry.reason = message
      entry.decisions += 1
      entry.lastAt = now
      if (known) return
      entries.set(key, entry)
      began(show(entry))
    },
    done(space, name) {
      const before = performance.now() - QUIET_MS
      end(
        ({ by, code, lastAt }) =>
          by.space === space && by.name === name && lastAt < before && !OF_A_KEY.has(code),
      )
    },
    list() {
      const now = performance.now()
      end(({ code, lastAt }) => now - lastAt > (OF_A_KEY.has(code) ? KEY_FORGOTTEN_MS : FORGOTTEN_MS))
      return [...entries.values()].map(show)
    },
  }
}
