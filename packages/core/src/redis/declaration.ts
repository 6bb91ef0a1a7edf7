import type { Route } from './keys.ts'
import type { Runtime } from './penknife.ts'
import { spaceDeclare } from './scripts.gen.ts'

/** A feature's declaration, and where Redis stores it. */
export interface Declared {
  readonly route: Route
  readonly key: string
  /** The declaration as readable text. */
  readonly text: string
  /** Milliseconds for which it is stored; 0: without an end. */
  readonly lastsMs: number
  /** Its name in errors. */
  readonly title: string
  /** Called with the stored declaration if it differs. */
  readonly onOther: (before: string) => void
}

/**
 * Returns a function that stores this process's declaration in Redis, once. Call it at each use: it returns at once. Cost: one script
 * call for each declaration and process.
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
      // The same fault makes the feature's own calls fail, and those report it. The next use tries again.
      () => (done = false),
    )
  }
}
