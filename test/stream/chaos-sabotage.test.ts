import { expect, test } from 'vitest'

import { findingsOf } from '../../chaos/harness/claims.ts'
import { brokenScript, type Sabotage } from '../../chaos/harness/sabotage.ts'
import { runStreamChaos } from '../../chaos/stream/run.ts'
import { LONG } from '../support/until.ts'

const BROKEN: readonly {
  readonly what: string
  readonly sabotage: Sabotage
  readonly faults: readonly string[]
  readonly finds: RegExp
  readonly long?: true
}[] = [
  {
    what: 'the fence of a finish',
    sabotage: {
      script: 'stream/settle',
      from: 'local mine, found = {}, pending(key, group, runs and bases_of(ids) or ids, consumer)',
      to: 'local mine, found = {}, setmetatable({}, { __index = function() return true end })',
    },
    faults: ['freeze and thaw'],
    finds:
      /^(an entry is settled once|only the worker with the last lease|a confirmed finish is not handled again)/,
  },
  {
    what: 'the bound of trimming',
    sabotage: {
      script: 'stream/add',
      from: 'local bound = not stream.lossy and finished(key) or nil',
      to: 'local bound = nil; stream.entries = 1',
    },
    faults: ['kill -9'],
    finds: /^no confirmed entry is lost/,
    long: true,
  },
  {
    what: 'taking over from crashed workers',
    sabotage: {
      script: 'stream/maintain',
      from: 'else\nentry.put_ready(ready, delivery)\nend\nreply[',
      to: 'else\nlocal dropped = delivery\nend\nreply[',
    },
    faults: ['kill -9'],
    finds: /^no confirmed entry is lost/,
    long: true,
  },
  {
    what: 'the way to the next attempt',
    sabotage: {
      script: 'stream/settle',
      from: 'entry.put_delayed(delayed, delivery, math.ceil(now / 1000) + ms)',
      to: 'local dropped = delivery',
    },
    faults: ['SCRIPT FLUSH'],
    finds: /^no confirmed entry is lost/,
    long: true,
  },
  {
    what: 'the place that a retry keeps',
    sabotage: {
      script: 'stream/settle',
      from: 'places.move(of, place, location, places.later(due, delivery.i))',
      to: 'places.leave(of, place, location, 1)',
    },
    faults: ['SCRIPT FLUSH'],
    finds: /^entries of a key are handled one after the other/,
    long: true,
  },
  {
    what: 'the way of an entry of low priority to the workers',
    sabotage: {
      script: 'stream/promote',
      from: 'entry.put_ready(ready, low.entry(member) or { foreign = true, d = member })',
      to: 'local dropped = member',
    },
    faults: ['SCRIPT FLUSH'],
    finds: /^no confirmed entry is lost/,
    long: true,
  },
  {
    what: 'the charge of an allowed entry',
    sabotage: {
      script: 'stream/take_tokens',
      from: "return '+' .. limiting.apply(limit, plan)",
      to: "return '+' .. plan.text",
    },
    faults: ['SCRIPT FLUSH'],
    finds: /^no more entries of a subject begin/,
    long: true,
  },
  {
    what: 'dedup',
    sabotage: {
      script: 'stream/add_once',
      from: "local id = redis.pcall('GET', added)",
      to: 'local id = false',
    },
    faults: ['SCRIPT FLUSH'],
    finds: /^an add makes one entry/,
    long: true,
  },
]

test('every part of a script that a chaos run breaks exists', () => {
  expect(BROKEN.map(({ sabotage }) => brokenScript(sabotage))).not.toEqual([])
})

test.each(BROKEN.filter(({ long }) => LONG || !long))(
  'a run finds the faults of real processes without $what',
  async ({ sabotage, faults, finds }) => {
    // Whether a run meets the moment depends on the machine, too.
    for (const seed of [1, 2, 3, 4, 5]) {
      const result = await runStreamChaos({
        seed,
        ...(LONG ? { entries: 2000 } : { entries: 600, producers: 1, workers: 3, groupsOfProcess: 'all' }),
        perSecond: 600,
        leaseMs: 300,
        betweenMs: [50, 200],
        stuckAfterMs: 3000,
        faults,
        sabotage: [sabotage],
      })
      if (findingsOf(result.claims).some((finding) => finds.test(finding))) return
    }
    expect.fail('five runs found nothing')
  },
  120_000,
)
