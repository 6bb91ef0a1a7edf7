import { useCallback, useEffect, useRef, useState } from 'preact/hooks'

import { type Answer, type ApiFailure, failureOf, type Query, read, type ReadName } from './api.ts'
import { useLive } from './live.ts'

export interface Loaded<T> {
  /** The last answer. It stays while a newer one is read, and when that fails. */
  readonly data: T | undefined
  /** Why the last read failed. */
  readonly failure: ApiFailure | undefined
  reload(): void
}

/** How often a screen that is looked at reads its data again. */
const EVERY_MS = 10_000

interface State<T> {
  readonly key: string
  readonly data: T | undefined
  readonly failure: ApiFailure | undefined
}

/** Reads a route of the API now, after each change of the query, every ten seconds while the tab is visible, and when Redis is back. */
export function useLoad<Name extends ReadName>(
  name: Name,
  query: Query<Name> | undefined,
): Loaded<Answer<Name>> {
  const { epoch, visible } = useLive()
  const key = query === undefined ? '' : `${name} ${JSON.stringify(query)}`
  const [state, setState] = useState<State<Answer<Name>>>({ key, data: undefined, failure: undefined })
  const [turn, setTurn] = useState(0)
  const shown = useRef(state)
  shown.current = state
  useEffect(() => {
    if (query === undefined || !visible) return undefined
    const control = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    function settle(next: Partial<State<Answer<Name>>>): void {
      if (control.signal.aborted) return
      const before = shown.current
      setState({ data: before.key === key ? before.data : undefined, failure: undefined, ...next, key })
      timer = setTimeout(() => setTurn((last) => last + 1), EVERY_MS)
    }
    read(name, query, control.signal).then(
      (data) => settle({ data }),
      (error: unknown) => settle({ failure: failureOf(error) }),
    )
    return () => {
      clearTimeout(timer)
      control.abort()
    }
  }, [key, turn, epoch, visible])
  const reload = useCallback(() => setTurn((before) => before + 1), [])
  // What was read for another query is not shown.
  return state.key === key
    ? { data: state.data, failure: state.failure, reload }
    : { data: undefined, failure: undefined, reload }
}
