import { createTopic, type Topic } from '../events.ts'
import type { ConnectionPurpose } from './driver.ts'
import type { PolicyInUse } from './policies.ts'
import type { RefusedCalls } from './refusals.ts'
import type { ServerFinding } from './server.ts'

/** What happens to penknife's connections; also on the node:diagnostics_channel `penknife:connection`. */
export type PenknifeEvent =
  /** Redis is there, by the connection that commands travel on. */
  | { readonly kind: 'available' }
  | { readonly kind: 'unavailable'; readonly reason: string }
  /** A connection for another purpose cannot connect: `reader` means that a worker gets nothing. */
  | { readonly kind: 'trouble'; readonly purpose: ConnectionPurpose; readonly reason: string }
  /** All connections for that purpose are there. */
  | { readonly kind: 'recovered'; readonly purpose: ConnectionPurpose }
  /** Redis is there and refuses calls, with this reply: it is full, lacks replicas, does not permit them. */
  | { readonly kind: 'refusing'; readonly call: string; readonly code: string; readonly reason: string }
  /** The calls that were refused are carried out again. */
  | { readonly kind: 'accepting' }
  /**
   * A limiter's policy decides since Redis does not, with the code and message of what calls would fail with; once for each
   * limiter and code.
   */
  | ({ readonly kind: 'policy' } & Pick<PolicyInUse, 'space' | 'name' | 'policy' | 'code' | 'reason'>)
  /** Redis decides for that limiter again. */
  | { readonly kind: 'decides'; readonly space: string; readonly name: string }
  /** A setting of the server does not fit the features in use. */
  | { readonly kind: 'finding'; readonly finding: ServerFinding }

/** Tells listeners what happens, each change once, and says the first of each kind as a process warning if nobody listens. */
export interface News {
  on: Topic<PenknifeEvent>['on']
  available(): void
  unavailable(reason: string): void
  /** Of the connections beside the one for commands; without a reason all could connect. */
  connecting(purpose: ConnectionPurpose, reason: string | undefined): void
  /** Without a refusal nothing is refused any more. */
  refusing(refused: RefusedCalls | undefined): void
  /** A limiter's policy decides for a reason that is new. */
  policy(use: PolicyInUse): void
  /** Redis decides again. */
  decides(space: string, name: string): void
  finding(finding: ServerFinding): void
  /** From now on penknife closes its connections itself: no more warnings. */
  close(): void
}

export function createNews(): News {
  const topic = createTopic<PenknifeEvent>('penknife:connection')
  const warned = new Set<string>()
  const found = new Set<string>()
  /** Why Redis is away; undefined while it is there. */
  let away: string | undefined
  let closed = false

  function warnOnce(of: string, text: string, whenClosed: boolean = false): void {
    if (topic.hasListeners || (closed && !whenClosed) || warned.has(of)) return
    warned.add(of)
    process.emitWarning(`${text}; penknife.on(…) tells of every change`, 'PenknifeWarning')
  }

  return {
    on: (listener) => topic.on(listener),
    available() {
      away = undefined
      topic.emit({ kind: 'available' })
    },
    unavailable(reason) {
      // Every attempt to connect ends here: one that fails for the same reason is no news.
      if (reason === away) return
      away = reason
      warnOnce('away', `Redis is away: ${reason}`)
      topic.emit({ kind: 'unavailable', reason })
    },
    connecting(purpose, reason) {
      if (purpose === 'commands' || closed) return
      if (reason === undefined) topic.emit({ kind: 'recovered', purpose })
      else {
        // While Redis is away as a whole, that was said.
        if (!away) warnOnce(purpose, `a ${purpose} connection to Redis cannot be made: ${reason}`)
        topic.emit({ kind: 'trouble', purpose, reason })
      }
    },
    refusing(refused) {
      if (refused === undefined) topic.emit({ kind: 'accepting' })
      else {
        const { call, code, message: reason } = refused
        warnOnce(code, `Redis refuses calls (first of ${call}): ${reason}`)
        topic.emit({ kind: 'refusing', call, code, reason })
      }
    },
    policy({ space, name, policy, code, reason }) {
      const what = `limiter '${name}' of space '${space}'`
      // Calls to a limiter of a penknife that was closed may be a mistake, and pass.
      warnOnce(
        `policy ${code}`,
        `${what}: its policy '${policy}' decides, since Redis does not (${code}): ${reason}`,
        code === 'PENKNIFE_CLOSED',
      )
      topic.emit({ kind: 'policy', space, name, policy, code, reason })
    },
    decides: (space, name) => topic.emit({ kind: 'decides', space, name }),
    finding(finding) {
      if (found.has(finding.code)) return
      found.add(finding.code)
      topic.emit({ kind: 'finding', finding })
      process.emitWarning(finding.message, { type: 'PenknifeWarning', code: finding.code })
    },
    close: () => void (closed = true),
  }
}
