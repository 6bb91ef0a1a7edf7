import { type Claim, type Claims, createClaims } from '../harness/claims.ts'
import type { Timed } from '../harness/journal.ts'
import { checkHalls } from './check-halls.ts'
import { checkViews } from './check-views.ts'
import type { ArchiveRecord, ClientRecord, Record } from './records.ts'
import { createTrack, type Track } from './track.ts'
import { type ChannelTruth, placeOf, truthOf } from './truth.ts'

export interface Evidence {
  readonly journals: Journals
  /** Describes the events that did not arrive in time at the end. */
  readonly left: readonly string[]
  /** Describes the views and lists that were not right in time at the end. */
  readonly behind?: readonly string[]
}

export interface Verdict {
  readonly claims: readonly Claim[]
  readonly counts: Readonly<{ [what: string]: number }>
}

type Journals = ReadonlyMap<string, readonly Timed<Record>[]>
type Count = (what: string, by?: number) => void

/** Limits of a server process. */
const MOST_MIB = 250
const NOTHING: ChannelTruth = { versions: [], firsts: [], jumps: [], lost: 0 }

/** Checks each claim against the records. */
export function check({ journals, left, behind = [] }: Evidence): Verdict {
  const claims = createClaims()
  const counts: { [what: string]: number } = {}
  const count: Count = (what, by = 1) => void (counts[what] = (counts[what] ?? 0) + by)
  const truths = truthOf((journals.get('archive') ?? []) as readonly Timed<ArchiveRecord>[])
  checkClients(claims, { journals, truths, count })
  checkHistories(claims, { journals, truths, count })
  const arrived = claims.claim('after the last fault every client reaches the end of each of its channels')
  arrived(left.length === 0, () => left.join('; '))
  const right = claims.claim(
    'after the last fault every view shows the last state, and every list converges to who is there',
  )
  right(behind.length === 0, () => behind.join('; '))
  checkViews(claims, journals, count)
  checkHalls(claims, journals, count)
  checkProcesses(claims, journals, count)
  return { claims: claims.all, counts }
}

interface Facts {
  readonly journals: Journals
  readonly truths: ReadonlyMap<string, ChannelTruth>
  readonly count: Count
}

function checkClients(claims: Claims, { journals, truths, count }: Facts): void {
  const says = {
    intact: claims.claim('a client gets only channels that it follows, and each event as it was published'),
    order: claims.claim(
      'a client gets the history of a channel event by event, none missing and none twice, or a reset in between',
    ),
    cursor: claims.claim('a cursor never skips an event that the client has not got'),
    reset: claims.claim('a reset is sent only where history was lost or trimmed'),
    confirmed: claims.claim(
      'an event that was confirmed and not lost reaches every client that follows before and after it without a reset',
    ),
  }
  const { confirmed, contents } = idsIn(journals)

  for (const [client, records] of clientsIn(journals)) {
    const tracks = new Map<string, Track>()
    let cursor = new URLSearchParams()

    /** The positions in a cursor, except that of one channel. */
    function goTo(next: string, but?: string): void {
      cursor = new URLSearchParams(next)
      for (const [channel, id] of cursor) {
        const track = channel === but ? undefined : tracks.get(channel)
        if (!track) continue
        const before = track.at
        says.cursor(track.pass(id), () => `${client}, ${channel}: from ${before?.id} to ${id}`)
      }
    }

    /** Checks what it saw of a channel up to here against the ids that publishers got. */
    function finish(channel: string, track: Track): readonly number[] {
      const { version, from, to, events, owed } = track.end()
      if (!version) return owed
      for (let offset = from + 1; offset <= to; offset++) {
        const kept = version.events.get(offset)
        if (!kept || kept.s !== undefined) continue
        const event = `${kept.p}/${kept.n}`
        const id = `${version.epoch}-${offset}`
        if (!confirmed.has(`${channel} ${id} ${event}`)) continue
        says.confirmed(events.has(event), () => `${client}, ${channel}: ${event} at ${id}`)
      }
      return owed
    }

    count('clients')
    for (const record of records) {
      const { t } = record
      if (record.k === 'cut') count('connections that ended')
      if (record.k === 'follows') {
        for (const channel of record.channels) {
          const truth = truths.get(channel) ?? NOTHING
          if (!tracks.has(channel))
            tracks.set(
              channel,
              createTrack(truth, (id) => contents.get(`${channel} ${id}`)),
            )
        }
      } else if (record.k === 'begins') {
        count('connections and subscriptions that a client began')
        const given = new URLSearchParams(record.cursor)
        // Without a position in a channel, it begins there anew.
        for (const [channel, track] of tracks) if (!given.has(channel)) finish(channel, track)
        goTo(record.cursor)
      } else if (record.k === 'position') goTo(record.cursor)
      else if (record.k === 'event' || record.k === 'reset') {
        const { c } = record
        const track = tracks.get(c)
        const id = new URLSearchParams(record.cursor).get(c)
        count(record.k === 'event' ? 'events seen' : 'resets seen')
        says.intact(
          track !== undefined && id !== null && (record.k === 'reset' || record.intact),
          () => `${client}: ${JSON.stringify(record)}`,
        )
        if (!track || id === null) continue
        const { at } = track
        const where = (): string => `${client}, ${c}, t ${Math.round(t)}: after ${at?.id}`
        if (record.k === 'event') {
          const { p, n } = record
          const wrong = track.see(id, p, n)
          says.order(wrong === undefined, () => `${where()} ${p}/${n} at ${id}: ${wrong}`)
          if (wrong !== undefined) finish(c, track)
        } else {
          // A client whose cursor did not contain the channel gets a reset for it.
          if (at && cursor.has(c)) says.reset(track.mayReset(t), where)
          finish(c, track)
          track.begin(id)
        }
        goTo(record.cursor, c)
      }
    }
    for (const [channel, track] of tracks) {
      const owed = finish(channel, track)
      says.order(
        owed.length === 0,
        () =>
          `${client}, ${channel}: ${owed.join(', ')} were skipped without a later event of the same coalesce key`,
      )
    }
  }
}

function checkHistories(claims: Claims, { journals, truths, count }: Facts): void {
  const offsets = claims.claim("a channel's offsets count without a gap until its data is lost")
  const once = claims.claim('an event is in a history once, however often it was published under its id')
  for (const [channel, { versions, jumps, lost }] of truths) {
    const all = new Set<string>()
    for (const { epoch, events } of versions) {
      const at = new Map<string, number>()
      for (const [offset, { p, n }] of events) {
        const event = `${p}/${n}`
        const before = at.get(event)
        at.set(event, offset)
        const known = `${epoch}-${offset} ${event}`
        if (all.has(known)) continue
        all.add(known)
        once(before === undefined, () => `${channel}: ${event} stands at ${before} and ${offset}`)
        offsets(true, () => '')
      }
    }
    for (const jump of jumps) offsets(false, () => `${channel}: ${jump}`)
    count('events in histories', all.size)
    count('events lost with Redis', lost)
  }
  const known = claims.claim('a confirmed event is in the history, under the id that its publisher got')
  for (const record of recordsIn(journals, 'published')) {
    const { p, n, id, c } = record
    const { epoch, offset } = placeOf(id)
    const found = truths.get(c)?.versions.some((version) => {
      const kept = version.epoch === epoch ? version.events.get(offset) : undefined
      return kept?.p === p && kept.n === n
    })
    known(found === true, () => `${c}: ${p}/${n} was confirmed as ${id}`)
  }
}

function checkProcesses(claims: Claims, journals: Journals, count: Count): void {
  const turned = claims.claim('no client is turned away for good')
  const ends = claims.claim('no process ends by itself, and a process that gets SIGTERM closes')
  const bounded = claims.claim(`a server never holds more than ${MOST_MIB} MiB`)
  let most = 0
  for (const [life, records] of journals) {
    for (const record of records) {
      if (record.k === 'begins') turned(true, () => '')
      else if (record.k === 'turned away') turned(false, () => `${life}: ${record.why}`)
      else if (record.k === 'closed') ends(true, () => '')
      else if (record.k === 'stuck') ends(false, () => `${life} did not end`)
      else if (record.k === 'fault' && record.fault.startsWith('ended with')) {
        ends(false, () => `${record.on} ${record.fault}`)
      } else if (record.k === 'memory') {
        const mib = Math.round(record.rss / 2 ** 20)
        most = Math.max(most, mib)
        bounded(mib <= MOST_MIB, () => `${life}: ${mib} MiB`)
      } else if (record.k === 'warning') count(`warnings: ${record.text}`)
      else if (record.k === 'stalls') count('times a client stopped reading')
      else if (record.k === 'failed publish') count(`publishes that failed: ${record.code}`)
    }
  }
  count('MiB of the largest server', most)
}

type Kind<K extends Record['k']> = Timed<Extract<Record, { readonly k: K }>>

function* recordsIn<K extends Record['k']>(journals: Journals, kind: K): Generator<Kind<K>> {
  for (const records of journals.values())
    for (const record of records) if (record.k === kind) yield record as Kind<K>
}

/**
 * Which event has which id, from the records of publishers and clients; and which events were confirmed, in which
 * channel.
 */
function idsIn(journals: Journals): {
  readonly contents: ReadonlyMap<string, string>
  readonly confirmed: ReadonlySet<string>
} {
  const contents = new Map<string, string>()
  const confirmed = new Set<string>()
  for (const { c, id, p, n } of recordsIn(journals, 'published')) {
    const { epoch, offset } = placeOf(id)
    contents.set(`${c} ${id}`, `${p}/${n}`)
    confirmed.add(`${c} ${epoch}-${offset} ${p}/${n}`)
  }
  for (const { c, cursor, p, n } of recordsIn(journals, 'event'))
    contents.set(`${c} ${new URLSearchParams(cursor).get(c)}`, `${p}/${n}`)
  return { contents, confirmed }
}

/** The records of each client, over all lives of its process. */
function clientsIn(journals: Journals): ReadonlyMap<string, readonly Timed<ClientRecord>[]> {
  const clients = new Map<string, Timed<ClientRecord>[]>()
  const lives = [...journals.keys()].toSorted((a, b) => nthOf(a) - nthOf(b))
  for (const life of lives) {
    for (const record of journals.get(life) ?? []) {
      if (!('w' in record)) continue
      const client = `${life.slice(0, life.lastIndexOf('.'))}#${record.w}`
      const records = clients.get(client) ?? []
      clients.set(client, records)
      records.push(record)
    }
  }
  return clients
}

function nthOf(life: string): number {
  return Number(life.slice(life.lastIndexOf('.') + 1))
}
