import type { Route } from './keys.ts'
import type { Runtime } from './penknife.ts'
import { spaceDeclare } from './scripts.gen.ts'

/** How something is declared, and where that is remembered. */
export interface Declared {
  readonly route: Route
  readonly key: string
  /** As people read it. */
  readonly text: string
  /** Milliseconds for which it is remembered; 0 for ever. */
  readonly lastsMs: number
  /** As errors call it. */
  readonly title: string
  /** Called with the declaration of another process, if it is another one. */
  readonly onOther: (before: string) => void
}

/**
 * Remembers in Redis how this process declares something, once. The function that comes back is called at each use, and waits for
 * nothing. Costs one script call for each declaration and process.
 */
export function createDeclaration(bind: Runtime['bind'], declared: Declared): () => void {
  const { route, key, text, lastsMs, title, onOther } = declared
  const declare = bind(spaceDeclare, [], undefined, title)
  let done = false
  return () => {
    if (done) return
    done = true
    declare(route, key, text, lastsMs).then(
      (before) => {
        if (before !== null) onOther(before)
      },
      // What keeps it from Redis keeps the other calls from it too, and those report it. The next use tries again.
      () => (done = false),
    )
  }
}
