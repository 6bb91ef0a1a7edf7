import { readdir, readFile } from 'node:fs/promises'

import { expect, test } from 'vitest'

import type { Break } from '../../chaos/harness/bundle.ts'
import { findingsOf } from '../../chaos/harness/claims.ts'
import { brokenScript, type Sabotage } from '../../chaos/harness/sabotage.ts'
import type { ClientKind } from '../../chaos/notifier/clients.ts'
import { runNotifierChaos } from '../../chaos/notifier/run.ts'
import { LONG } from '../support/until.ts'

interface Broken {
  readonly what: string
  readonly breaks?: readonly Break[]
  readonly sabotage?: readonly Sabotage[]
  readonly faults: readonly string[]
  readonly finds: RegExp
  /** Those that notice it. Default: all. */
  readonly clients?: readonly ClientKind[]
  /** Default: 2 s. */
  readonly arrivalMs?: number
  readonly long?: true
}

/** The ways in which a follower notices that something is missing; together, since each makes up for the others. */
const NO_REPAIR: readonly Break[] = [
  {
    file: 'notifier/position.ts',
    from: "return next.offset === at.offset + 1 ? 'next' : 'gap'",
    to: "return 'next'",
  },
  {
    file: 'fan-out/fan-out.ts',
    from: 'if (again) for (const follower of followers) follower.keepUp()',
    to: '',
  },
  { file: 'fan-out/fan-out.ts', from: 'for (const follower of followers) follower.interrupt()', to: '' },
]

const BROKEN: readonly Broken[] = [
  {
    what: 'a read of the history after an interruption, or at a gap',
    breaks: NO_REPAIR,
    faults: ['subscriber connections killed', 'Redis connections cut'],
    finds: /some are missing/,
    clients: ['core', 'raw'],
  },
  {
    what: 'a check of the event at the position',
    sabotage: [{ script: 'notifier/since', from: 'or tagged(known) ~= position', to: '' }],
    breaks: [{ file: 'notifier/position.ts', from: '&& id === before', to: '' }],
    faults: ['a replica promoted without the last events'],
    finds: /what it saw before was lost|another history/,
    long: true,
  },
  {
    what: 'the position that a client comes back with',
    breaks: [
      {
        file: 'session/cursor.ts',
        from: 'position !== null && isPosition(position)',
        to: 'position !== null && !isPosition(position)',
      },
    ],
    faults: ['client connections cut', 'EventSource connections cut'],
    finds: /^a reset is sent only/,
    long: true,
  },
  {
    what: 'the position with which a WebSocket client comes back to a channel',
    breaks: [
      {
        file: 'session/connection.ts',
        from: 'newer: position === undefined ? [] :',
        to: 'newer: position !== undefined ? [] :',
      },
    ],
    faults: ['client connections cut'],
    finds: /some are missing/,
    long: true,
  },
  {
    what: 'the position that the client keeps of its last event',
    breaks: [
      {
        file: 'src/channel.ts',
        from: 'if (frame.id !== null) this.position = frame.id',
        to: 'if (frame.id !== null) this.position ??= frame.id',
      },
    ],
    faults: ['client connections cut'],
    finds: /some are missing/,
    long: true,
  },
  {
    what: 'a second publish with one id being the first',
    sabotage: [{ script: 'notifier/publish', from: 'if first then', to: 'if false then' }],
    faults: ['Redis connections cut'],
    finds: /^an event is in a history once/,
    long: true,
  },
  {
    what: 'the new order of rows in a change of a view',
    breaks: [
      {
        file: 'src/view.ts',
        from: '(change.order ?? before.map((row) => row.member))',
        to: 'before.map((row) => row.member)',
      },
    ],
    faults: ['client connections cut'],
    finds: /^each picture of a view/,
    long: true,
  },
  {
    what: 'one event for a member that joins in two processes',
    sabotage: [
      {
        script: 'notifier/join',
        from: "redis.call('HINCRBY', room.counts, member, 1) == 1",
        to: "redis.call('HINCRBY', room.counts, member, 1) > 0",
      },
    ],
    faults: ['guest close and start again'],
    finds: /take turns/,
    long: true,
  },
  {
    what: 'the end of the members of a dead process',
    sabotage: ['notifier/present', 'notifier/renew'].map((script) => ({
      script,
      from: "redis.call('ZRANGE', room.leases, '-inf', presence_ms, 'BYSCORE', 'LIMIT', 0, MOST_GONE)",
      to: '{}',
    })),
    faults: ['guest kill -9'],
    finds: /every list converges/,
    // The lease of a guest, and a third.
    arrivalMs: 8000,
    long: true,
  },
]

test('every part of a script that a run breaks exists', () => {
  expect(BROKEN.flatMap(({ sabotage = [] }) => sabotage.map(brokenScript))).not.toEqual([])
})

test.each(BROKEN.flatMap(({ breaks = [] }) => breaks))(
  'the part of $file that a run breaks exists',
  async ({ file, from }) => {
    const found: URL[] = []
    for (const source of ['core', 'http', 'client']) {
      const folder = new URL(`../../packages/${source}/src/`, import.meta.url)
      const paths = await readdir(folder, { recursive: true })
      found.push(...paths.filter((path) => `src/${path}`.endsWith(file)).map((path) => new URL(path, folder)))
    }
    const texts = await Promise.all(found.map((path) => readFile(path, 'utf8')))
    expect(texts.map((text) => text.split(from).length - 1)).toEqual([1])
  },
)

test.each(BROKEN.filter(({ long }) => LONG || !long))(
  'a run finds the faults of real processes without $what',
  async ({ breaks = [], sabotage = [], faults, finds, clients, arrivalMs = 2000 }) => {
    const { claims } = await runNotifierChaos({
      seed: 1,
      seconds: LONG ? 6 : 3,
      small: !LONG,
      ...(clients ? { clients } : {}),
      betweenMs: [100, 400],
      arrivalMs,
      faults,
      breaks,
      sabotage,
    })
    expect(findingsOf(claims).filter((finding) => finds.test(finding))).not.toEqual([])
  },
  120_000,
)
