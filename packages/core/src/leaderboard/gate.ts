import { PenknifeError } from '../errors.ts'
import type { Topic } from '../events.ts'
import type { Gate } from '../redis/batch.ts'
import { reportRedeclared } from '../redeclared.ts'
import { badReply } from '../redis/failures.ts'
import { cut, errorText } from '../text.ts'
import type { Declaration } from './declaration.ts'
import type { BoardEvent } from './event-types.ts'

/** How often a board in use is declared again, since its keys may be deleted and created by another version. */
const AGAIN_MS = 10_000
/** The most that an error quotes of a declaration that another program may have written. */
const LONGEST = 1000

export interface DeclarationParts {
  readonly declaration: Declaration
  /** Sends the declaration. Resolves with the stored settings that differ, see lua/leaderboard/declare.lua. */
  readonly declare: () => Promise<readonly unknown[] | null>
  readonly topic: Topic<BoardEvent>
  readonly space: string
  readonly name: string
  /** Names the board in errors. */
  readonly title: string
}

/**
 * The gate of a board's calls. It opens when Redis has stored the board's declaration. It stays closed for a process whose
 * declaration would read stored scores wrongly; other differences are reported once. Cost: one script call at the first use,
 * for which the first calls wait, and one every 10 s of use, for which no call waits.
 */
export function createGate({ declaration, declare, topic, space, name, title }: DeclarationParts): Gate {
  let open = false
  let again = 0
  let reported = false
  let declaring: Promise<void> | undefined

  async function declareNow(): Promise<void> {
    again = performance.now() + AGAIN_MS
    const stored = storedIn(await declare(), declaration.fields, title)
    open = stored === null || stored[0] === ''
    if (!open) throw conflict(title, declaration.fields, stored as readonly string[])
    const now = declaration.rest
    if (stored !== null && !reported)
      reportRedeclared(topic, { space, name }, { title, before: stored[1] as string, now })
    // A later difference was stored after this process' declaration, so the other process reports it.
    reported = true
  }

  return () => {
    const due = performance.now() >= again
    if (open && !due) return undefined
    declaring ??= declareNow().finally(() => (declaring = undefined))
    if (!open) return declaring.catch((error: unknown) => Promise.reject(notSent(title, error)))
    // If Redis cannot be reached, the calls themselves fail. A conflict closes the gate.
    declaring.catch(() => {})
    return undefined
  }
}

/** Checks the reply of lua/leaderboard/declare.lua: null, or alternating names and stored values. */
function storedIn(
  reply: readonly unknown[] | null,
  fields: readonly string[],
  title: string,
): readonly string[] | null {
  if (reply === null) return null
  const known = reply.every(
    (text, at) => typeof text === 'string' && (at % 2 === 1 || fields.includes(text) || text === ''),
  )
  if (!known || reply.length === 0 || reply.length % 2 === 1) throw badReply(title, 'it is not a declaration')
  return reply as readonly string[]
}

/** The error of a declaration that contradicts the stored one; `stored` has alternating names and values. */
function conflict(title: string, fields: readonly string[], stored: readonly string[]): PenknifeError {
  const [first = ''] = stored
  const parts: string[] = []
  for (let at = 0; at < stored.length; at += 2) {
    const name = stored[at] as string
    const declared = fields[fields.indexOf(name) + 1]
    parts.push(
      `${name} is '${declared}', but the stored scores have '${cut(String(stored[at + 1]), LONGEST)}'`,
    )
  }
  const another = first.startsWith('window ') ? 'window' : 'board'
  return new PenknifeError(
    'PENKNIFE_INVALID',
    `${title}: ${parts.join('; ')}. Create it with the stored options, or give the ${another} another name`,
    { option: first },
  )
}

/** The error of a call that was not sent, because its declaration failed. */
function notSent(title: string, error: unknown): PenknifeError {
  if (error instanceof PenknifeError && error.fate === 'not-done') return error
  const why = error instanceof PenknifeError ? error.message : errorText(error)
  return new PenknifeError(
    'PENKNIFE_UNAVAILABLE',
    `${title}: the call was not sent, because the declaration failed: ${why}`,
    {
      cause: error,
    },
  )
}
