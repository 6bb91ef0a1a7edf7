import { createTopic } from '../events.ts'
import type { Runtime } from '../redis/penknife.ts'
import { notifierDeclare } from '../redis/scripts.gen.ts'
import { cut } from '../text.ts'

/** How a notifier keeps events; a deploy may change all of it. */
export interface Kept {
  readonly history: number
  readonly ttlMs: number
  /** 0: no such bound. */
  readonly ageMs: number
  readonly dedupWindowMs: number
}

/** What is told of a declaration that something else may have written. */
const LONGEST = 1000

/**
 * Remembers in Redis how this process declares a notifier, once, and reports when it was declared in another way before:
 * a deploy may change it, and one that did so by mistake is noticed. Costs one script call a notifier and process; what
 * it answers is called when the notifier is used.
 */
export function createDeclaration(
  { bind, keys }: Runtime,
  { notifier, space }: { readonly notifier: string; readonly space: string },
  { history, ttlMs, ageMs, dedupWindowMs }: Kept,
): () => void {
  const title = `notifier '${notifier}' of space '${space}'`
  const age = ageMs === 0 ? 'none' : `${ageMs} ms`
  const now = `history ${history}, ttl ${ttlMs} ms, age ${age}, dedupWindow ${dedupWindowMs} ms`
  const declare = bind(notifierDeclare, [], undefined, title)
  const topic = createTopic<object>('penknife:notifier')
  let declared = false

  function report(stored: string): void {
    const before = cut(stored, LONGEST)
    if (topic.heard) topic.emit({ kind: 'redeclared', space, notifier, before, now })
    else {
      process.emitWarning(
        `${title} was declared with '${before}' and now with '${now}': each process goes by its own`,
        { type: 'PenknifeWarning', code: 'redeclared' },
      )
    }
  }

  return () => {
    if (declared) return
    declared = true
    declare(keys.route, keys.notifierDeclaration(notifier), now).then(
      (before) => {
        if (before !== null) report(before)
      },
      // What keeps it from Redis keeps the rest, too, and that is told. The next use tries again.
      () => (declared = false),
    )
  }
}
