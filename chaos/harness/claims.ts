import { setTimeout as delay } from 'node:timers/promises'

/** A claim, how often it was checked, and what contradicts it. */
export interface Claim {
  readonly claim: string
  readonly checked: number
  readonly against: readonly string[]
}

export interface Claims {
  /** Declares a claim. Returns a function that records one case. `what` describes a case that contradicts the claim. */
  claim(text: string): (holds: boolean, what: () => string) => void
  readonly all: readonly Claim[]
}

export function createClaims(): Claims {
  const all: { claim: string; checked: number; against: string[] }[] = []
  return {
    all,
    claim(text) {
      const claim = { claim: text, checked: 0, against: [] as string[] }
      all.push(claim)
      return (holds, what) => {
        claim.checked += 1
        if (!holds) claim.against.push(what())
      }
    },
  }
}

export function findingsOf(claims: readonly Claim[]): readonly string[] {
  return claims.flatMap(({ claim, against }) => against.map((what) => `${claim}: ${what}`))
}

/** The verdict as soon as each of these claims, given by its beginning, has a finding against it. Undefined if that takes longer. */
export async function brokenWithin<V extends { readonly claims: readonly Claim[] }>(
  ms: number,
  broken: readonly string[],
  judge: () => Promise<V>,
): Promise<V | undefined> {
  const end = performance.now() + ms
  while (performance.now() < end) {
    await delay(800)
    const verdict = await judge()
    const found = verdict.claims.filter(({ against }) => against.length > 0)
    if (broken.every((begin) => found.some(({ claim }) => claim.startsWith(begin)))) return verdict
  }
  return undefined
}

/** A line for each claim, and the first findings against it. */
export function report(claims: readonly Claim[]): string {
  return claims
    .flatMap(({ claim, checked, against }) => [
      `${against.length === 0 ? 'holds' : 'BROKEN'}  ${claim} (${checked.toLocaleString('en-US')} checked)`,
      ...against.slice(0, 5).map((what) => `          ${what}`),
      ...(against.length > 5 ? [`          … and ${against.length - 5} more`] : []),
    ])
    .join('\n')
}
