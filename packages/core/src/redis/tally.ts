/** How many things of each object are open in this process. */
export interface Tally {
  change(space: string, name: string, by: 1 | -1): void
  /** Objects with none are left out. */
  list(): readonly TallyCount[]
}

export interface TallyCount {
  readonly space: string
  readonly name: string
  readonly count: number
}

export function createTally(): Tally {
  const counts = new Map<string, TallyCount>()
  return {
    change(space, name, by) {
      const key = `${space} ${name}`
      const count = (counts.get(key)?.count ?? 0) + by
      if (count === 0) counts.delete(key)
      else counts.set(key, { space, name, count })
    },
    list: () => [...counts.values()],
  }
}
