import type { Timed } from '../harness/journal.ts'
import type { ArchiveRecord } from './records.ts'

/** An event as the history has it. */
export interface Kept {
  /** Stands for all of the history up to it: the same event behind others has another one. */
  readonly tag: string | undefined
  readonly p: number
  readonly n: number
  readonly s: string | undefined
}

/**
 * What a channel's history was from one loss to the next: offsets of one epoch, each with its event. After a loss of
 * the last events another version begins, which shares the events before.
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
  /** From when on the first event kept was this one. */
  readonly firsts: readonly { readonly t: number; readonly epoch: string; readonly offset: number }[]
  /** Where an offset was left out or given twice. */
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

/** Each channel's history, from what the archive noted. */
export function truthOf(records: readonly Timed<ArchiveRecord>[]): ReadonlyMap<string, ChannelTruth> {
  const channels = new Map<string, ReturnType<typeof createTruth>>()
  for (const record of records) {
    const truth = channels.get(record.c) ?? createTruth()
    channels.set(record.c, truth)
    truth.note(record)
  }
  return new Map([...channels].map(([channel, { told }]) => [channel, told]))
}

interface Growing {
  epoch: string | undefined
  readonly events: Map<number, Kept>
  ended: number | undefined
}

function createTruth(): { readonly told: ChannelTruth; note(record: Timed<ArchiveRecord>): void } {
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
    told: {
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
