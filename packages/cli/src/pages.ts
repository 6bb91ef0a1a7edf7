/** The most items of all pages. */
const MOST = 10_000

/** Reads all pages of a list. */
export async function allPages<Item>(
  read: (page: { readonly after?: string }) => Promise<{
    readonly items: readonly Item[]
    readonly next: string | undefined
  }>,
): Promise<readonly Item[]> {
  const all: Item[] = []
  let after: string | undefined
  do {
    const page = await read(after === undefined ? {} : { after })
    all.push(...page.items)
    after = page.next
  } while (after !== undefined && all.length < MOST)
  return all
}
