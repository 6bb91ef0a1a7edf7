import { expect, test } from 'vitest'

import { findingsOf } from '../../chaos/harness/claims.ts'
import type { Timed } from '../../chaos/harness/journal.ts'
import { check } from '../../chaos/notifier/check.ts'
import type { Record } from '../../chaos/notifier/records.ts'

/** An event's id: its offset, and its publisher's number as tag. By default both have the same value. */
const idOf = (offset: number, n: number = offset, epoch: number = 7): string =>
  `${epoch}-${offset}-${String(n).padStart(6, '0')}`

const kept = (offset: number, n: number = offset, s?: string): object => ({
  k: 'kept',
  c: 'room',
  id: `7-${offset}`,
  p: 0,
  n,
  ...(s === undefined ? {} : { s }),
})
const published = (offset: number, n: number = offset): object => ({
  k: 'published',
  p: 0,
  n,
  c: 'room',
  id: idOf(offset, n),
})
const seen = (offset: number, n: number = offset, more: object = {}): object => ({
  k: 'event',
  w: 0,
  c: 'room',
  cursor: `room=${idOf(offset, n)}`,
  p: 0,
  n,
  intact: true,
  ...more,
})
const reset = (position: string): object => ({ k: 'reset', w: 0, c: 'room', cursor: `room=${position}` })
const first = (offset: number): object => ({ k: 'first', c: 'room', id: `7-${offset}` })
const lost = (after: string | null): object => ({ k: 'lost', c: 'room', after })
const begins = (cursor: string): object => ({ k: 'begins', w: 0, cursor })
const upTo = (last: number): number[] => Array.from({ length: last }, (_, at) => at + 1)

interface Recorded {
  /** What Redis had. Default: ten events. */
  readonly archive?: readonly object[]
  /** Default: all of ten are confirmed. */
  readonly publisher?: readonly object[]
  /** What the client saw, life by life. */
  readonly client?: readonly object[]
  readonly laterLife?: readonly object[]
  readonly server?: readonly object[]
  readonly faults?: readonly object[]
  readonly left?: readonly string[]
  /** States of the board; what somebody saw of it and of the halls, life by life. */
  readonly scorer?: readonly object[]
  readonly watcher?: readonly object[]
  readonly watcherLater?: readonly object[]
  readonly halls?: readonly object[]
  readonly behind?: readonly string[]
}

/** The checker's findings for a history. The records are two seconds apart, in the order of the lists. */
function findings({
  archive = upTo(10).map((n) => kept(n)),
  publisher = upTo(10).map((n) => published(n)),
  client = [],
  laterLife = [],
  server = [],
  faults = [],
  left = [],
  scorer = [],
  watcher = [],
  watcherLater = [],
  halls = [],
  behind = [],
}: Recorded): readonly string[] {
  const timed = (records: readonly object[]): readonly Timed<Record>[] =>
    records.map((record, at) => ({ t: 2000 * at, ...record }) as Timed<Record>)
  const follows = { k: 'follows', w: 0, channels: ['room'] }
  const journals = new Map([
    ['archive', timed(archive)],
    ['faults', timed(faults)],
    ['publisher-1.1', timed(publisher)],
    ['server-koa.1', timed(server)],
    ['client.1', timed([follows, ...client])],
    ['client.2', timed(laterLife)],
    ['scorer-1.1', timed(scorer)],
    ['watcher-1.1', timed(watcher)],
    ['watcher-1.2', timed(watcherLater)],
    ['halls', timed(halls)],
  ])
  return findingsOf(check({ journals, left, behind }).claims)
}

const order = /^a client gets the history of a channel event by event/
const one = (claim: RegExp): unknown[] => [expect.stringMatching(claim)]

test('a history without a fault has no findings', () => {
  expect(findings({ client: upTo(10).map((n) => seen(n)) })).toEqual([])
  expect(findings({ client: [seen(4), seen(5)], laterLife: [begins(`room=${idOf(5)}`), seen(6)] })).toEqual(
    [],
  )
})

test('an event that is missing, repeated or too early is found', () => {
  expect(findings({ client: [seen(3), seen(5)] })).toEqual(one(order))
  expect(findings({ client: [seen(3), seen(3)] })).toEqual(one(order))
  expect(findings({ client: [seen(3), seen(4), seen(3)] })).toEqual(one(order))
  expect(findings({ client: [begins(`room=${idOf(3)}`), seen(5)] })).toEqual(one(order))
})

test('a client that continues at the wrong position after its process was killed is found', () => {
  expect(findings({ client: [seen(3)], laterLife: [begins(`room=${idOf(3)}`), seen(5)] })).toEqual(one(order))
  expect(findings({ client: [seen(3)], laterLife: [begins(`room=${idOf(4)}`)] })).toEqual(
    one(/^a cursor never skips/),
  )
})

test('an unpublished event, one of another channel and a garbled one are found', () => {
  expect(findings({ client: [seen(3, 99)] })).toEqual(one(/the history never had it there/))
  expect(findings({ client: [seen(3, 3, { c: 'secret', cursor: `secret=${idOf(3)}` })] })).toEqual(
    one(/^a client gets only channels that it follows/),
  )
  expect(findings({ client: [seen(3, 3, { intact: false })] })).toEqual(
    one(/^a client gets only channels that it follows/),
  )
})

test("a cursor ahead of the client's events is found", () => {
  const ahead = { k: 'position', w: 0, cursor: `room=${idOf(5)}` }
  expect(findings({ client: [seen(3), ahead, seen(6)] })).toEqual(one(/^a cursor never skips/))
})

/** Ten events of which a new master lacks the last three, whose offsets it gives to others. */
const forked = [
  ...upTo(10).map((n) => kept(n)),
  lost('7-7'),
  ...[8, 9, 10, 11].map((offset) => kept(offset, 100 + offset)),
]

test('after a promotion clients that saw lost events must get a reset, and clients that were behind them must not', () => {
  const archive = forked
  const seven = upTo(7).map((n) => seen(n))
  const anew = [seen(8, 108), seen(9, 109), seen(10, 110), seen(11, 111)]
  expect(findings({ archive, client: [...seven, ...anew] })).toEqual([])
  expect(findings({ archive, client: [...seven, seen(8), seen(9), seen(10), seen(11, 111)] })).toEqual(
    one(order),
  )
  expect(findings({ archive, client: [...seven, seen(8), seen(9, 109)] })).toEqual(one(order))
  const late = Array.from({ length: 20 }, () => ({ k: 'stalls', w: 0 }))
  expect(
    findings({ archive, client: [...seven, seen(8), ...late, reset(idOf(10, 110)), seen(11, 111)] }),
  ).toEqual([])
  expect(findings({ archive, client: [...seven, ...late, reset(idOf(10, 110)), seen(11, 111)] })).toEqual(
    one(/^a reset is sent only where history was lost or trimmed/),
  )
})

test('an event with the same id in both histories does not hide that one before it was another', () => {
  // Event 9 was lost as the tenth, and published again as the tenth. The event before it is another one.
  const archive = [...forked.slice(0, 11), kept(8, 108), kept(9, 109), kept(10), kept(11, 111)]
  const client = [...upTo(10).map((n) => seen(n)), seen(11, 111)]
  expect(findings({ archive, client })).toEqual(one(order))
})

test('a client that began at a lost event, whose offset has the same event after others, rightly gets a reset', () => {
  const tagged = (offset: number, n: number, tag: string): object => ({
    ...kept(offset, n),
    id: `7-${offset}-${tag}`,
  })
  const before = [...upTo(7).map((n) => kept(n)), tagged(8, 8, 'aaaaaa'), tagged(9, 9, 'bbbbbb')]
  const after = [lost('7-7'), tagged(8, 108, 'cccccc'), tagged(9, 9, 'dddddd')]
  const archive = [...before, ...after]
  const late = Array.from({ length: 20 }, () => ({ k: 'stalls', w: 0 }))
  const client = [begins('room=7-9-bbbbbb'), ...late, reset('7-9-dddddd')]
  expect(findings({ archive, client, publisher: [] })).toEqual([])
  const without = [begins('room=7-9-dddddd'), ...late, reset('7-9-dddddd')]
  expect(findings({ archive, client: without, publisher: [] })).toEqual(
    one(/^a reset is sent only where history was lost or trimmed/),
  )
})

test('a reset without a loss is found, one after a trim is in order', () => {
  const archive = [...upTo(10).map((n) => kept(n)), first(6)]
  const late = Array.from({ length: 20 }, () => ({ k: 'stalls', w: 0 }))
  expect(findings({ archive, client: [seen(3), ...late, reset(idOf(9)), seen(10)] })).toEqual([])
  expect(findings({ archive, client: [seen(7), ...late, reset(idOf(9)), seen(10)] })).toEqual(
    one(/^a reset is sent only/),
  )
  expect(findings({ archive, client: [seen(3), ...late, reset(idOf(8)), seen(10)] })).toEqual(one(order))
})

test('a coalesced event may be skipped if a later one of its key follows', () => {
  const archive = [kept(1, 1, 'acme'), kept(2, 2, 'brew'), kept(3, 3, 'acme'), kept(4), kept(5, 5, 'brew')]
  const publisher = [published(1)]
  expect(findings({ archive, publisher, client: [begins('room=0-0'), seen(3), seen(4), seen(5)] })).toEqual(
    [],
  )
  expect(findings({ archive, publisher, client: [begins('room=0-0'), seen(3), seen(4)] })).toEqual(
    one(/were skipped without a later event/),
  )
  expect(findings({ archive, publisher, client: [begins('room=0-0'), seen(3), seen(5)] })).toEqual(one(order))
})

test('a history that skips, repeats an event or lacks a confirmed one is found', () => {
  expect(findings({ archive: [kept(1), kept(3)], publisher: [] })).toEqual(one(/^a channel's offsets count/))
  expect(findings({ archive: [kept(1), kept(2), kept(3, 1)], publisher: [] })).toEqual(
    one(/^an event is in a history once/),
  )
  expect(findings({ publisher: [published(11)] })).toEqual(one(/^a confirmed event is in the history/))
  expect(findings({ archive: [kept(1), lost(null), kept(1, 1)], publisher: [published(1)] })).toEqual([])
})

test('clients that do not arrive or are refused, and processes that crash, hang or grow, are found', () => {
  expect(findings({ left: ['client#0 is at 7-3 in room'] })).toEqual(one(/^after the last fault/))
  expect(findings({ client: [{ k: 'turned away', w: 0, why: 'status 500' }] })).toEqual(one(/^no client is/))
  expect(findings({ faults: [{ k: 'fault', fault: 'ended with 1', on: 'server-koa.1' }] })).toEqual(
    one(/^no process ends by itself/),
  )
  expect(findings({ server: [{ k: 'stuck' }] })).toEqual(one(/^no process ends by itself/))
  expect(findings({ server: [{ k: 'memory', rss: 2 ** 30 }] })).toEqual(one(/^a server never holds more/))
})

const picture = (n: number | null, more: object = {}): object => ({ k: 'picture', v: 0, n, ...more })
/** The states 1 to 5, all of them before the first picture. */
const scorer = upTo(5).flatMap((n) => [
  { k: 'scores', n, t: -1 },
  { k: 'scored', n, t: -1 },
])

test('a picture that the board never had, and one of an earlier state without a loss, are found', () => {
  const fine = [picture(0), picture(1), picture(3), picture(3), picture(5)]
  expect(findings({ scorer, watcher: fine })).toEqual([])
  const had = /^each picture of a view is a state that the board was given/
  expect(findings({ scorer, watcher: [picture(1), picture(null, { rows: '[]' })] })).toEqual(one(had))
  expect(findings({ scorer, watcher: [picture(6)] })).toEqual(one(had))
  const early = [{ k: 'scores', n: 1, t: 5000 }]
  expect(findings({ scorer: early, watcher: [picture(1)] })).toEqual(one(had))
  const back = /^a view never goes back to an earlier state/
  expect(findings({ scorer, watcher: [picture(4), picture(3)] })).toEqual(one(back))
  expect(findings({ scorer, watcher: [picture(4), picture(0)] })).toEqual(one(back))
  const later = [picture(3, { t: 50_000 })]
  expect(findings({ scorer, watcher: [picture(4)], watcherLater: later })).toEqual(one(back))
  const faults = [{ k: 'fault', fault: 'promotion', on: 'redis', t: 1000 }]
  expect(findings({ scorer, watcher: [picture(4), picture(3)], faults })).toEqual([])
  expect(
    findings({ scorer, watcher: [picture(4), picture(3, { t: 30_000 }), picture(2, { t: 60_000 })], faults }),
  ).toEqual(one(back))
  expect(findings({ behind: ['view 0 shows 4 and not 5'] })).toEqual(one(/^after the last fault every view/))
})

test('joined and left that do not take turns, and a list that is not what they say, are found', () => {
  const hall = { h: 0, c: 'hall:1', m: 'ann' }
  const [came, went, gap] = ['came', 'went', 'gap'].map((k) => ({ k, ...hall })) as [object, object, object]
  expect(findings({ watcher: [went, came, went, gap, went], watcherLater: [went] })).toEqual([])
  const turns = /^of each member joined and left take turns, for every client/
  expect(findings({ watcher: [came, came] })).toEqual(one(turns))
  expect(findings({ watcher: [came, { ...went, m: 'bob' }, came] })).toEqual(one(turns))
  expect(findings({ watcher: [came, { ...gap, c: 'hall:2' }, came] })).toEqual(one(turns))
  const stored = (joined: boolean): object => ({ k: 'in the history', c: 'hall:1', m: 'ann', joined })
  const end = (...members: string[]): object => ({ k: 'in the end', c: 'hall:1', members })
  expect(findings({ halls: [stored(true), stored(false), stored(true), end('ann')] })).toEqual([])
  const inHistory = /^in the history joined and left of each member take turns/
  expect(findings({ halls: [stored(false), end()] })).toEqual(one(inHistory))
  expect(findings({ halls: [stored(true), stored(true), end('ann')] })).toEqual(one(inHistory))
  const listed = /^after the last fault the last event of a member says/
  expect(findings({ halls: [stored(true), end()] })).toEqual(one(listed))
  expect(findings({ halls: [stored(true), stored(false), end('ann')] })).toEqual(one(listed))
})
