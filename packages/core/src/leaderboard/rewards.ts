import { PenknifeError, invalid } from '../errors.ts'
import { checkName, checkOptions, wholeNumber } from '../options.ts'
import { Effect, type EffectTarget, textsOf } from '../record/effect.ts'
import { recordIn } from '../record/record.ts'
import type { RecordRefusal } from '../record/types.ts'
import { badReply } from '../redis/failures.ts'
import { guardObjectRead } from '../redis/scripts.gen.ts'
import { checkFlag } from './flag.ts'
import type { BoardRankStyle, BoardRow } from './read-types.ts'
import type { SeasonParts } from './reads.ts'
import type { BoardReads } from './reading-types.ts'
import type { BoardRewardBand, BoardRewards, BoardSeasonInfo } from './season-types.ts'

/** The most effects, and microseconds of Redis, of a step; a record takes 50 and 1,500. */
const MOST_EFFECTS = 40
const MOST_COST = 1000
const PAGE = 100
const MOST_BANDS = 100

/** A season whose rewards are given. */
export interface Rewarded {
  readonly id: string
  readonly reads: BoardReads
  readonly info: () => Promise<BoardSeasonInfo | null>
}

/**
 * Creates the function that gives the rewards of a season. The position up to which they are given is an object with a version, and a
 * step changes it together with its effects, only from the version that it read. So two processes never give the same rewards.
 */
export function createRewards(
  { name: board, space, runtime }: SeasonParts,
  keyOf: (id: string) => string,
): <Data, Band extends BoardRewardBand>(
  season: Rewarded,
  rewards: BoardRewards<Data, Band>,
) => Promise<number> {
  const { keys } = runtime
  const read = runtime.bind(guardObjectRead, [])
  const title = `rewards of leaderboard '${board}'`
  const target: EffectTarget = {
    kind: 'object',
    title,
    space,
    runtime,
    layout: () => ({ keys: [keys.leaderboardPart(board, 'rewards')], plan: [0] }),
    cost: 13,
    shapes: new WeakMap(),
  }

  /** The version of the progress, and the position of the first member that got nothing yet. */
  async function progress(key: string, name: string): Promise<{ version: number; position: number }> {
    const fields = (await read(keys.route, key)) as readonly string[]
    const valueOf = (field: string): number => {
      const at = fields.findIndex((text, nth) => nth % 2 === 0 && text === field)
      const value = at < 0 ? 0 : Number(fields[at + 1])
      if (!Number.isSafeInteger(value)) throw badReply(title, `'${fields[at + 1]}' is no number`)
      return value
    }
    return { version: valueOf(':v'), position: valueOf(name) }
  }

  function moving(key: string, name: string, version: number, position: number): Effect {
    const texts = textsOf(JSON.stringify([['s', name, String(position)]]), 0, String(version), '', 0)
    return new Effect({
      target,
      key,
      keys: [key, key],
      texts,
      read: () => undefined,
      refusal: () => ({ reason: 'version', version }),
    })
  }

  return async <Data, Band extends BoardRewardBand>(season: Rewarded, rewards: BoardRewards<Data, Band>) => {
    const { name, bands, ranks, data, last, give } = checked(rewards)
    if ((await season.info()) === null)
      throw new PenknifeError(
        'PENKNIFE_REJECTED',
        `${title}: season '${season.id}' has not ended; end it first`,
      )
    const key = keyOf(season.id)
    let given = 0
    let at = await progress(key, name)
    for (;;) {
      const rows = (await season.reads.top(PAGE, at.position + 1, {
        ranks,
        data,
      })) as readonly BoardRow<Data>[]
      if (rows.length === 0) return given
      const step = stepOf(rows, (row) => {
        const band = bands.find(({ from = 1, to }) => row.rank >= from && row.rank <= to)
        return row.rank > last ? undefined : band ? effectsOf(give(row, band)) : []
      })
      if (step.rows === 0) return given
      const position = at.position + step.rows
      const moved = moving(key, name, at.version, position)
      const answer = await recordIn({ space, runtime }, {}, [moved, ...step.effects])
      if (answer.ok) given += step.members
      else if (answer.refused[0]?.effect !== 0) throw refusedBy(title, at.position, answer.refused)
      // The position is that of another process where that moved it.
      at = await progress(key, name)
    }
  }
}

interface Step {
  /** How many rows it is about. */
  readonly rows: number
  /** How many of them get something. */
  readonly members: number
  readonly effects: readonly Effect[]
}

/** The first rows whose effects fit into a step. `effectsFor` is undefined behind the last rank. */
function stepOf<Row>(rows: readonly Row[], effectsFor: (row: Row) => readonly Effect[] | undefined): Step {
  const effects: Effect[] = []
  let [taken, members, cost] = [0, 0, 0]
  for (const row of rows) {
    const more = effectsFor(row)
    if (!more) break
    const needed = more.reduce((sum, { parts }) => sum + parts.target.cost, 0)
    if (taken > 0 && (effects.length + more.length > MOST_EFFECTS || cost + needed > MOST_COST)) break
    effects.push(...more)
    cost += needed
    taken += 1
    if (more.length > 0) members += 1
  }
  return { rows: taken, members, effects }
}

function effectsOf(given: Effect | readonly Effect[] | null): readonly Effect[] {
  const effects =
    given === null ? [] : Array.isArray(given) ? (given as readonly Effect[]) : [given as Effect]
  if (effects.length > MOST_EFFECTS || effects.some((each) => !(each instanceof Effect)))
    throw invalid(
      'give',
      given,
      `return an effect such as orders.adding(payload), at most ${MOST_EFFECTS}, or null`,
    )
  return effects
}

function checked<Data, Band extends BoardRewardBand>(
  rewards: BoardRewards<Data, Band>,
): Required<BoardRewards<Data, Band>> & {
  readonly name: string
  readonly ranks: BoardRankStyle
  readonly last: number
} {
  checkOptions('reward', rewards, ['name', 'bands', 'ranks', 'data', 'give'])
  const { name = 'rewards', bands, ranks = 'ordinal', data, give } = rewards
  if (!Array.isArray(bands) || bands.length < 1 || bands.length > MOST_BANDS)
    throw invalid('bands', bands, `give 1 to ${MOST_BANDS} bands such as { to: 10 }`)
  for (const { from = 1, to } of bands as readonly Band[]) {
    wholeNumber('band to', to, 1, Number.MAX_SAFE_INTEGER)
    wholeNumber('band from', from, 1, to)
  }
  if (typeof give !== 'function') throw invalid('give', give, 'give a function that returns effects')
  const last = Math.max(...bands.map(({ to }) => to))
  return { name: checkName('name', name), bands, ranks, data: checkFlag('data', data), give, last }
}

function refusedBy(title: string, position: number, refused: readonly RecordRefusal[]): PenknifeError {
  const reasons = refused.map(({ target, reason }) => `${target}: ${reason}`)
  return new PenknifeError(
    'PENKNIFE_REJECTED',
    `${title}: those from position ${position + 1} on were refused, the others are given (${[...new Set(reasons)].join(', ')}); call reward again`,
  )
}
