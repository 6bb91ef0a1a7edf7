import { createTopic } from '../events.ts'
import { toJson } from '../json.ts'
import { checkName } from '../options.ts'
import { comparable } from '../record/comparable.ts'
import { channelChanges, followable } from '../redis/changes.ts'
import { type Runtime, runtimeOf, type Space } from '../redis/penknife.ts'
import { leaderboardDeclare, leaderboardDescribe } from '../redis/scripts.gen.ts'
import { withParts } from './board-parts.ts'
import { declarationOf } from './declaration.ts'
import { createGate } from './gate.ts'
import { checkMember } from './members.ts'
import { readOptions } from './options.ts'
import { createReads } from './reads.ts'
import type { BoardReads } from './reading-types.ts'
import { createScores } from './scores.ts'
import type { BoardEvent } from './event-types.ts'
import type { LeaderboardOptions } from './option-types.ts'
import type { Leaderboard } from './types.ts'
import { createRemovals } from './removals.ts'
import { createClearing } from './clearing.ts'
import type { BoardSeasons } from './season-types.ts'
import { createSeasons } from './seasons.ts'
import { createUpdates } from './updates.ts'
import { createBoardClock } from './board-call.ts'
import { createLayouts, type KeyOf } from './windows.ts'

const LARGEST_DATA = 4096

/**
 * Creates a leaderboard.
 *
 * Without options it counts all time, and the highest score is rank 1. It is one sorted set of about 100 bytes a member that
 * has no TTL and grows with its members.
 *
 * `order`, `ties`, `denseRanks`, `decimals` and the meaning of the windows decide how scores are stored. They must be the same
 * in all processes, for as long as the board exists. Redis stores them, and all calls of a board with other ones fail with
 * PENKNIFE_INVALID and change nothing.
 *
 * Cost: one script call at the first use, for which the first calls wait within their deadline, and one every 10 s of use,
 * for which no call waits.
 *
 * @throws PENKNIFE_INVALID for a wrong name or option; its methods for a wrong argument.
 */
export function createLeaderboard<Data = unknown>(
  space: Space,
  name: string,
  options: LeaderboardOptions = {},
): Leaderboard<Data> {
  checkName('leaderboard name', name)
  const runtime = runtimeOf(space)
  const settings = readOptions(options)
  const { keys, use } = runtime
  const keyOf: KeyOf = (...part) =>
    part.length === 0 ? keys.leaderboard(name) : keys.leaderboardPart(name, ...part)
  const key = keyOf()
  const dataKey = keyOf('data')
  const scores = createScores(settings)
  const live = settings.live ? keys.leaderboardLive(name) : undefined
  const layouts = createLayouts(settings, keyOf, live)
  const clock = createBoardClock()
  const topic = createTopic<BoardEvent>('penknife:leaderboard')
  const title = `leaderboard '${name}' of space '${space.name}'`
  const declaration = declarationOf(settings)
  const { fields, rest, lifeMs } = declaration
  const send = runtime.bind(leaderboardDeclare, [], undefined, title)
  const declare = (): ReturnType<typeof send> =>
    send(keys.route, keyOf('declaration'), JSON.stringify(fields), rest, lifeMs)
  const gate = createGate({ declaration, declare, topic, space: space.name, name, title })
  const bind: Runtime['bind'] = (script, shared) =>
    runtime.bind(script, shared, undefined, title, undefined, undefined, gate)
  const describe = bind(leaderboardDescribe, [[dataKey]])
  const parts = {
    space: space.name,
    name,
    runtime: { ...runtime, bind },
    settings,
    scores,
    layouts,
    clock,
    topic,
    key,
    dataKey,
    keyOf,
    gate,
  }
  use('leaderboard', name, options)
  const seasons = createSeasons(parts)

  const board: Leaderboard<Data> = {
    name,
    windows: settings.windows.map((window) => window.name),
    maxScore: scores.max,
    denseRanks: settings.dense,
    ...createUpdates(parts),
    ...(seasons as BoardSeasons<Data>),
    ...createClearing(parts, seasons.seasons, seasons.season),
    ...createRemovals(parts),
    ...(createReads(parts) as BoardReads<Data>),
    async describe(member, data) {
      checkMember(member)
      await describe(keys.route, member, data === null ? '' : toJson('data', data, LARGEST_DATA))
    },
    on: (listener) => topic.on(listener),
  }
  if (live !== undefined) followable(board, channelChanges(runtime, live))
  const all = settings.windows.some(({ kind }) => kind === 'all-time')
  return comparable(withParts(board, parts), {
    title: `leaderboard '${name}'`,
    space: space.name,
    runtime,
    kind: 'z',
    keyOf: all ? () => key : undefined,
    valueOf: (stored) => (stored === null ? undefined : scores.score(stored)),
  })
}
