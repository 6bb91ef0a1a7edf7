import { createTopic, type Taps, type Topic } from '../events.ts'
import { warn, type WarningCode } from '../warn.ts'
import type { ConnectionPurpose } from './driver.ts'
import type { PolicyInUse } from './policies.ts'
import type { RefusedCalls } from './refusals.ts'
import type { ServerFinding } from './server.ts'

/** An event of penknife's connections. Also sent to the node:diagnostics_channel `penknife:connection`. */
export type PenknifeEvent =
  /** The connection for commands is ready. */
  | { readonly kind: 'available' }
  /** The connection for commands broke, or cannot be made. */
  | { readonly kind: 'unavailable'; readonly reason: string }
  /** A connection for another purpose cannot connect. With `reader` a worker gets no entries. */
  | { readonly kind: 'trouble'; readonly purpose: ConnectionPurpose; readonly reason: string }
  /** All connections for that purpose are ready. */
  | { readonly kind: 'recovered'; readonly purpose: ConnectionPurpose }
  /** Redis is connected and refuses calls with this reply: it is full, lacks replicas, or does not permit them. */
  | { readonly kind: 'refusing'; readonly call: string; readonly code: string; readonly reason: string }
  /** Redis carries out all calls again. */
  | { readonly kind: 'accepting' }
  /**
   * A limiter's policy decides, because Redis does not. `code` and `reason` are those of the error that calls would fail with. Once
   * for each limiter and code.
   */
  | ({ readonly kind: 'policy' } & Pick<PolicyInUse, 'space' | 'name' | 'policy' | 'code' | 'reason'>)
  /** Redis decides for that limiter again. */
  | { readonly kind: 'decides'; readonly space: string; readonly name: string }
  /** A setting of the server does not fit the features in use. */
  | { readonly kind: 'finding'; readonly finding: ServerFinding }

/** Emits each change once. Without a listener the first change of each kind is a process warning. */
export interface PenknifeEvents {
  on: Topic<PenknifeEvent>['on']
  available(): void
  unavailable(reason: string): void
  /** For connections with another purpose than commands. Without a reason: all could connect. */
  connecting(purpose: ConnectionPurpose, reason: string | undefined): void
  /** Undefined: nothing is refused any more. */
  refusing(refused: RefusedCalls | undefined): void
  /** A limiter's policy decides for a new reason. */
  policy(use: PolicyInUse): void
  /** Redis decides again. */
  decides(space: string, name: string): void
  finding(finding: ServerFinding): void
  /** Ends the warnings, because penknife closes its connections itself. */
  close(): void
}

export function createPenknifeEvents(taps: Taps): PenknifeEvents {
  const topic = createTopic<PenknifeEvent>('penknife:connection', taps)
  const warned = new Set<string>()
  const found = new Set<string>()
  /** Why Redis is unavailable; undefined while it is available. */
  let away: string | undefined
  let closed = false

  function warnOnce(code: WarningCode, of: string, text: string, whenClosed: boolean = false): void {
    if (topic.hasListeners || (closed && !whenClosed) || warned.has(of)) return
    warned.add(of)
    warn(code, `${text}; penknife.on(…) reports every change`)
  }

  return {
    on: (listener) => topic.on(listener),
    available() {
      away = undefined
      topic.emit({ kind: 'available' })
    },
    unavailable(reason) {
      // Every failed attempt to connect calls this. A repeated reason is not reported again.
      if (reason === away) return
      away = reason
      warnOnce('PENKNIFE_AWAY', 'away', `Redis is away: ${reason}`)
      topic.emit({ kind: 'unavailable', reason })
    },
    connecting(purpose, reason) {
      if (purpose === 'commands' || closed) return
      if (reason === undefined) topic.emit({ kind: 'recovered', purpose })
      else {
        // While Redis is unavailable, that was reported already.
        if (!away)
          warnOnce(
            'PENKNIFE_CONNECTION',
            purpose,
            `a ${purpose} connection to Redis cannot be made: ${reason}`,
          )
        topic.emit({ kind: 'trouble', purpose, reason })
      }
    },
    refusing(refused) {
      if (refused === undefined) topic.emit({ kind: 'accepting' })
      else {
        const { call, code, message: reason } = refused
        warnOnce('PENKNIFE_REFUSED', code, `Redis refuses calls (first of ${call}): ${reason}`)
        topic.emit({ kind: 'refusing', call, code, reason })
      }
    },
    policy({ space, name, policy, code, reason }) {
      const [feature, own] = name.includes(':') ? name.split(':') : ['limiter', name]
      const what = `${feature} '${own}' of space '${space}'`
      // Also after close(): such a call may be a mistake, and nothing else would show it.
      warnOnce(
        'PENKNIFE_POLICY',
        `policy ${code}`,
        `${what}: its policy '${policy}' decides, because Redis does not (${code}): ${reason}`,
        code === 'PENKNIFE_CLOSED',
      )
      topic.emit({ kind: 'policy', space, name, policy, code, reason })
    },
    decides: (space, name) => topic.emit({ kind: 'decides', space, name }),
    finding(finding) {
      if (found.has(finding.code)) return
      found.add(finding.code)
      topic.emit({ kind: 'finding', finding })
      warn(`PENKNIFE_${finding.code.toUpperCase().replaceAll('-', '_')}`, finding.message)
    },
    close: () => void (closed = true),
  }
}
