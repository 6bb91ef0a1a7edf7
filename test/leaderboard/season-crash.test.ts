import { createLeaderboard, createStream } from '@penknife/core'
import { expect, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { bundledProgram, runProgram } from '../support/program.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { LONG } from '../support/until.ts'

const bench = useRedis()
const MEMBERS = 250

interface Prize {
  readonly member: string
  readonly rank: number
}

test('a process that is killed around the end of a season leaves a final ranking and each reward once, when it runs again', async () => {
  const shop = (await openReady(pattern(bench.server.url), { deadline: '30s' })).space('shop')
  const rounds = Array.from({ length: LONG ? 20 : 1 }, (_, round) =>
    ['before', 'sent', 'between', 'giving', 'after'].map((moment) => ({
      moment,
      name: `${moment}-${round}`,
    })),
  )
  for (const moments of rounds) {
    await Promise.all(
      moments.map(async ({ moment, name }) => {
        const board = createLeaderboard(shop, name)
        const prizes = createStream(shop, `${name}-prizes`, { groups: ['g'] })
        await Promise.all(Array.from({ length: MEMBERS }, (_, at) => board.set(`m${at}`, at)))
        {
          await using program = runProgram(bundledProgram('season-ender'), {}, [
            bench.server.url,
            name,
            moment,
          ])
          await program.printed(/now/)
          await program.kill('SIGKILL')
        }
        const ended = (await board.season('s1').info()) !== null
        if (moment !== 'sent') expect(ended, moment).toBe(moment !== 'before')
        const final = ended ? await board.season('s1').top(MEMBERS, 1) : undefined
        // An update after the end counts in the next season.
        if (ended) await board.set('late', 1e6)

        const again = await board.endSeason('s1')
        expect(again).toMatchObject({ repeated: ended, members: MEMBERS })
        const given = await board.season('s1').reward({
          bands: [{ to: 200 }],
          give: ({ member, rank }) => prizes.adding({ member, rank }),
        })
        const rows = await board.season('s1').top(MEMBERS, 1)
        if (final) expect(rows).toEqual(final)
        expect(rows.map(({ member }) => member)).toEqual(
          Array.from({ length: MEMBERS }, (_, at) => `m${MEMBERS - 1 - at}`),
        )
        expect(await board.count()).toBe(ended ? 1 : 0)
        const entries = await bench.raw.xrange(`pk1:{shop}:stream:${name}-prizes`, '-', '+')
        const got = entries.map(
          ([, fields]) => JSON.parse(String(fields.find((text) => text.startsWith('{')))) as Prize,
        )
        const wanted = rows.slice(0, 200).map(({ member, rank }) => ({ member, rank }))
        expect(got, moment).toEqual(wanted)
        if (moment === 'after') expect(given).toBe(0)
        if (moment === 'giving') expect(given).toBeLessThan(200)
      }),
    )
  }
}, 300_000)
