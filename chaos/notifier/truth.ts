import type { Timed } from '../harness/journal.ts'
import type { ArchiveRecord } from './records.ts'

/** An event in the history. */
export interface Kept {
  /** A hash of the history up to this event. The same event after other events has another tag. */
  readonly tag: string | undefined
  readonly p: number
  readonly n: number
  readonly s: string | undefined
}

/**
 * A channel's history from one loss to the next: offsets of one epoch, each with its event. After a loss of the last
 * events a new version begins, which shares the earlier events.
 */
export interface Version {
  readonly epoch: string | undefined
  readonly events: ReadonlyMap<number, Kept>
  /** When it ended; undefined for the last one. */
  readonly ended: number | undefined
}

export interface ChannelTruth {
  readonly versions: readonly Version[]
  /** Events that were lost. */
  readonly lost: number
  /** The time since which this was the first event. */
  readonly firsts: readonly { readonly t: number; readonly epoch: string; readonly offset: number }[]
  /** Offsets that are missing or repeated. */
  readonly jumps: readonly string[]
}

export interface Place {
  readonly epoch: string
  readonly offset: number
  readonly tag: string | undefined
}

export function placeOf(id: string): Place {
  const [epoch = '', offset = '', tag] = id.split('-')
  return { epoch, offset: Number(offset), tag }
}

/** Each channel's history, from the records of the archive. */
export function truthOf(records: readonly Timed<ArchiveRecord>[]): ReadonlyMap<string, ChannelTruth> {
  const channels = new Map<string, ReturnType<typeof createTruth>>()
  for (const record of records) {
    const truth = channels.get(record.c) ?? createTruth()
    channels.set(record.c, truth)
    truth.note(record)
  }
  return new Map([...channels].map(([channel, { truth }]) => [channel, truth]))
}

interface Growing {
  epoch: string | undefined
  readonly events: Map<number, Kept>
  ended: number | undefined
}

function createTruth(): { readonly truth: ChannelTruth; note(record: Timed<ArchiveRecord>): void } {
  const versions: Growing[] = []
  const firsts: { t: number; epoch: string; offset: number }[] = []
  const jumps: string[] = []
  let now: Growing = { epoch: undefined, events: new Map(), ended: undefined }
  versions.push(now)
  let top = 0
  let lost = 0

  function lose(t: number, after: string | null): void {
    if (now.epoch === undefined) return
    const kept = after === null ? 0 : placeOf(after).offset
    lost += top - kept
    top = kept
    now.ended = t
    const left = [...now.events].filter(([offset]) => offset <= top)
    now = { epoch: after === null ? undefined : now.epoch, events: new Map(left), ended: undefined }
    versions.push(now)
  }

  return {
    truth: {
      versions,
      firsts,
      jumps,
      get lost() {
        return lost
      },
    },
    note(record) {
      if (record.k === 'lost') return lose(record.t, record.after)
      const { epoch, offset, tag } = placeOf(record.id)
      if (record.k === 'first') return void firsts.push({ t: record.t, epoch, offset })
      now.epoch ??= epoch
      if (epoch !== now.epoch || offset !== top + 1) jumps.push(`${record.id} came after ${now.epoch}-${top}`)
      now.events.set(offset, { tag, p: record.p, n: record.n, s: record.s })
      top = offset
    },
  }
}
