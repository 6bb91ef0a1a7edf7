import { useCallback, useEffect, useRef, useState } from 'preact/hooks'

import { type Answer, type ApiFailure, failureOf, type Query, read, type ReadName } from './api.ts'
import { useLive } from './live.ts'

export interface Loaded<T> {
  /** The last answer. It stays while a newer one is read, and when that fails. */
  readonly data: T | undefined
  /** When `data` was read, by the clock of `performance.now()`. */
  readonly atMs: number
  /** Why the last read failed. */
  readonly failure: ApiFailure | undefined
  reload(): void
}

/** How often a screen that is looked at reads its data again. */
const EVERY_MS = 10_000

const NOTHING = { data: undefined, atMs: 0, failure: undefined } as const

interface State<T> {
  readonly key: string
  readonly data: T | undefined
  readonly atMs: number
  readonly failure: ApiFailure | undefined
}

/** Reads a route of the API now, after each change of the query, every ten seconds while the tab is visible, and when Redis is back. */
export function useLoad<Name extends ReadName>(
  name: Name,
  query: Query<Name> | undefined,
): Loaded<Answer<Name>> {
  const { epoch, visible } = useLive()
  const key = query === undefined ? '' : `${name} ${JSON.stringify(query)}`
  const [state, setState] = useState<State<Answer<Name>>>({ key, ...NOTHING })
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
      setState({ ...(before.key === key ? before : NOTHING), failure: undefined, ...next, key })
      timer = setTimeout(() => setTurn((last) => last + 1), EVERY_MS)
    }
    read(name, query, control.signal).then(
      (data) => settle({ data, atMs: performance.now() }),
      (error: unknown) => settle({ failure: failureOf(error) }),
    )
    return () => {
      clearTimeout(timer)
      control.abort()
    }
  }, [key, turn, epoch, visible])
  const reload = useCallback(() => setTurn((before) => before + 1), [])
  // What was read for another query is not shown.
  const { data, atMs, failure } = state.key === key ? state : NOTHING
  return { data, atMs, failure, reload }
}
