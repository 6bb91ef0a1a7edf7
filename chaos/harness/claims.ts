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
