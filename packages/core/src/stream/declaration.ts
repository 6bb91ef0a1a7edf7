import type { Topic } from '../events.ts'
import { streamDeclare } from '../redis/scripts.gen.ts'
import { cut } from '../text.ts'
import type { Scope } from './scope.ts'
import type { StreamEvent } from './types.ts'

/** What is told of a declaration that something else may have written. */
const LONGEST = 1000

/**
 * Remembers in Redis how this process declares a stream, once, and reports when it was declared in another way before:
 * a deploy may change it, and one that did so by mistake is noticed. Costs one script call a stream and process; what it
 * answers is called when the stream is used.
 */
export function createDeclaration(
  { keys, route, stream, title, bind }: Scope,
  text: string,
  topic: Topic<StreamEvent>,
): () => void {
  const declare = bind(streamDeclare, [])
  let declared = false

  function report(before: string): void {
    const was = cut(before, LONGEST)
    if (!topic.heard) {
      process.emitWarning(
        `${title} was declared as '${was}' and now as '${text}': each process goes by its own; a group stays until ` +
          'it is dropped',
        { type: 'PenknifeWarning', code: 'redeclared' },
      )
    }
    topic.emit({ kind: 'redeclared', stream, before: was, now: text })
  }

  return () => {
    if (declared) return
    declared = true
    declare(route, keys.declaration(stream), text).then(
      (before) => {
        if (before !== null) report(before)
      },
      // What keeps it from Redis keeps the rest, too, and that is told. The next use tries again.
      () => (declared = false),
    )
  }
}
