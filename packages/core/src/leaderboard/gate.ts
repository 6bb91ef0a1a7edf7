import { PenknifeError } from '../errors.ts'
import type { Topic } from '../events.ts'
import type { Gate } from '../redis/batch.ts'
import { reportRedeclared } from '../redeclared.ts'
import { badReply } from '../redis/failures.ts'
import { cut, errorText } from '../text.ts'
import type { Declaration } from './declaration.ts'
import type { BoardEvent } from './event-types.ts'

/** While a board is used it is declared again so often: its keys may be deleted, and made by another version. */
const AGAIN_MS = 10_000
/** The most that an error quotes of a declaration that another program may have written. */
const LONGEST = 1000

export interface DeclarationParts {
  readonly declaration: Declaration
  /** Sends the declaration: what is stored instead, see lua/leaderboard/declare.lua. */
  readonly declare: () => Promise<readonly unknown[] | null>
  readonly topic: Topic<BoardEvent>
  readonly board: string
  /** As errors call it. */
  readonly title: string
}

/**
 * The gate of a board's calls: open once Redis holds the board's declaration. Closed to a process that declares it so that
 * stored scores would be read wrongly; what else is different is reported once. Costs one script call at the first use,
 * which the first calls wait for, and one every 10 s of use, which none waits for.
 */
export function createGate({ declaration, declare, topic, board, title }: DeclarationParts): Gate {
  let open = false
  let again = 0
  let reported = false
  let asking: Promise<void> | undefined

  async function ask(): Promise<void> {
    again = performance.now() + AGAIN_MS
    const stored = storedIn(await declare(), declaration.fields, title)
    open = stored === null || stored[0] === ''
    if (!open) throw conflict(title, declaration.fields, stored as readonly string[])
    const now = declaration.rest
    if (stored !== null && !reported)
      reportRedeclared(topic, { board }, { title, before: stored[1] as string, now })
    // By the next declaration it is this process that wrote what another one finds.
    reported = true
  }

  return () => {
    const due = performance.now() >= again
    if (open && !due) return undefined
    asking ??= ask().finally(() => (asking = undefined))
    if (!open) return asking.catch((error: unknown) => Promise.reject(undone(title, error)))
    // When Redis cannot be reached the calls fail as well, and say so. A conflict closes the gate.
    asking.catch(() => {})
    return undefined
  }
}

/** What lua/leaderboard/declare.lua replied: null, or names and stored values in turn. */
function storedIn(
  reply: readonly unknown[] | null,
  fields: readonly string[],
  title: string,
): readonly string[] | null {
  if (reply === null) return null
  const known = reply.every(
    (text, at) => typeof text === 'string' && (at % 2 === 1 || fields.includes(text) || text === ''),
  )
  if (!known || reply.length === 0 || reply.length % 2 === 1) throw badReply(title, 'it is no declaration')
  return reply as readonly string[]
}

/** The error of a declaration that contradicts what is stored: names and stored values in turn. */
function conflict(title: string, fields: readonly string[], stored: readonly string[]): PenknifeError {
  const [first = ''] = stored
  const parts: string[] = []
  for (let at = 0; at < stored.length; at += 2) {
    const name = stored[at] as string
    const asked = fields[fields.indexOf(name) + 1]
    parts.push(`${name} is '${asked}', and the stored scores have '${cut(String(stored[at + 1]), LONGEST)}'`)
  }
  const another = first.startsWith('window ') ? 'window' : 'board'
  return new PenknifeError(
    'PENKNIFE_INVALID',
    `${title}: ${parts.join('; ')}. Declare it as it is stored, or give the ${another} another name`,
    { option: first },
  )
}

/** The error of a call that was not sent, because the declaration failed before it. */
function undone(title: string, error: unknown): PenknifeError {
  if (error instanceof PenknifeError && error.fate === 'not-done') return error
  const why = error instanceof PenknifeError ? error.message : errorText(error)
  return new PenknifeError(
    'PENKNIFE_UNAVAILABLE',
    `${title}: not sent, since its declaration failed: ${why}`,
    {
      cause: error,
    },
  )
}
