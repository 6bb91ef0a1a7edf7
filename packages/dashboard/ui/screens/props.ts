import type { PageQuery } from '../../src/api-types.ts'
import type { Route } from '../lib/router.ts'

/** What a screen of a space gets: the parts of the route after its name, and the parameters. */
export interface SpaceScreenProps {
  readonly space: string
  readonly rest: readonly string[]
  readonly query: Route['query']
}

/** The page of a list that the route names. */
export function pageOf(query: Route['query'], name: string = 'after'): PageQuery {
  const after = query[name]
  return after === undefined ? {} : { after }
}
