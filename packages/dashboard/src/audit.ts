import { createStream, type Penknife, type Stream, type StreamEntry } from '@penknife/core'
import { cut } from '@penknife/core/internal'

import type { AuditRow, Page } from './api-types.ts'
import type { Checked } from './options.ts'

/** A record of the audit, as it is stored. */
interface Stored {
  readonly user: string
  readonly action: string
  readonly target: string
  readonly outcome: AuditRow['outcome']
  readonly text?: string
  /** The id of the record that the action began with. */
  readonly of?: string
}

export interface Act {
  readonly user: string
  readonly action: string
  readonly target: string
}

/**
 * Every action as records of a bounded event log: `started` before it runs, so that nothing runs that is not recorded, and a second record with
 * its outcome. After a crash in between the first one stays alone, and is listed as `started`. A refused action has one record.
 */
export interface Audit {
  /** Records that an action begins; resolves with the id of the record. */
  begin(act: Act): Promise<string>
  /** Records how it ended. Never rejects: the action is done, and its record stays `started`. */
  end(act: Act, of: string, outcome: AuditRow['outcome'], text: string): Promise<void>
  /** Records an action that was refused before it ran. Never rejects. At most 60 a minute, so that they do not push out other records. */
  refused(act: Act, text: string): Promise<void>
  read(limit: number, after: string | undefined): Promise<Page<AuditRow>>
}

const LONGEST = 500
const REFUSED = 60
const MINUTE_MS = 60_000
/** Records after the first one of an action, among which its outcome is looked for. Actions at once are fewer. */
const NEARBY = 200

export function createAudit(penknife: Penknife, { auditSpace, auditEntries }: Checked): Audit {
  let opened: Stream<Stored> | undefined
  /** Opened at the first use, so that a dashboard that nobody opens registers nothing. */
  const stream = (): Stream<Stored> =>
    (opened ??= createStream<Stored>(penknife.space(auditSpace), 'audit', {
      retain: { entries: auditEntries },
    }))
  let refusals = 0
  let skipped = 0
  let minute = 0

  const store = ({ user, action, target }: Act, rest: Omit<Stored, keyof Act>): Promise<string> =>
    stream().add({ user, action: cut(action, 100), target: cut(target, LONGEST), ...rest })

  /** The rest of an action whose outcome is not among the records read before. */
  async function outcomeOf(id: string): Promise<StreamEntry<Stored> | undefined> {
    const { items } = await stream().read({ from: id, limit: NEARBY })
    return items.find(({ payload }) => payload.of === id)
  }

  return {
    begin: (act) => store(act, { outcome: 'started' }),
    async end(act, of, outcome, text) {
      await store(act, { of, outcome, text: cut(text, LONGEST) }).catch(() => {})
    },
    async refused(act, text) {
      const now = performance.now()
      if (now - minute > MINUTE_MS) {
        minute = now
        refusals = 0
      }
      refusals += 1
      if (refusals > REFUSED) {
        skipped += 1
        return
      }
      const more = skipped > 0 ? ` ${skipped} refused actions before it were not recorded.` : ''
      skipped = 0
      await store(act, { outcome: 'refused', text: cut(text + more, LONGEST) }).catch(() => {})
    },
    async read(limit, after) {
      const page = await stream().read({ reverse: true, limit, ...(after === undefined ? {} : { after }) })
      const ended = new Set(page.items.flatMap(({ payload }) => payload?.of ?? []))
      const rows = await Promise.all(
        page.items.map(async ({ id, payload, addedAtMs }) => {
          if (payload?.outcome !== 'started') return [rowOf(id, addedAtMs, payload)]
          if (ended.has(id) || (await outcomeOf(id))) return []
          return [rowOf(id, addedAtMs, payload)]
        }),
      )
      return { items: rows.flat(), next: page.next }
    },
  }
}

/** Another program may have written it. */
function rowOf(id: string, atMs: number, stored: Partial<Stored> | null | undefined): AuditRow {
  const textOf = (value: unknown): string => (typeof value === 'string' ? cut(value, LONGEST) : '')
  const { user, action, target, outcome, text } = stored ?? {}
  return {
    id,
    atMs,
    user: textOf(user),
    action: textOf(action),
    target: textOf(target),
    outcome: OUTCOMES.find((each) => each === outcome) ?? 'failed',
    ...(typeof text === 'string' ? { text: textOf(text) } : {}),
  }
}

const OUTCOMES = ['started', 'done', 'nothing', 'refused', 'failed'] as const
