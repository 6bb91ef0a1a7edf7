import { badReply } from '../redis/failures.ts'
import type { Runtime } from '../redis/penknife.ts'
import { leaderboardRead } from '../redis/scripts.gen.ts'
import type { ReadItem, View } from './choice.ts'
import type { Window } from './options.ts'
import { linesOf } from './row-reader.ts'
import { hasAll, unescaped } from './rows.ts'
import type { Scores } from './scores.ts'
import { type BoardClock, type Call, createCall } from './board-call.ts'
import type { Layouts } from './windows.ts'

/** The parts of the board that an export uses. */
interface ExportParts {
  readonly runtime: Runtime
  readonly scores: Scores
  readonly layouts: Layouts
  readonly clock: BoardClock
}

/** All members of a window, in no order. */
export async function* exportOf(
  view: View,
  previous: number,
  parts: ExportParts,
): AsyncGenerator<{ member: string; score: number }, void> {
  const about = `export of leaderboard window '${view.window.name}'`
  let call = view.call
  let cursor = '0'
  // ZSCAN may return a member twice when the set shrinks meanwhile.
  const returned = new Set<string>()
  do {
    let lines = await scan(call, cursor, 0)
    const exact = !hasAll(lines, 2)
    if (exact) lines = await scan(call, cursor, 2)
    if (!hasAll(lines, 2)) throw badReply(about, 'rows are missing')
    if (cursor === '0' && view.window.kind === 'calendar') {
      if (lines[1] !== '1' && lines[1] !== '2') throw badReply(about, 'no period')
      call = pinned(view.window, previous, Number(lines[1]), parts)
    }
    const count = Number(lines[2])
    for (let at = 3; at < 3 + 2 * count; at += 2) {
      const member = exact ? unescaped(lines[at] as string) : (lines[at] as string)
      if (returned.has(member)) continue
      returned.add(member)
      yield { member, score: parts.scores.score(lines[at + 1] as string) }
    }
    cursor = lines[0] as string
    if (!/^\d+$/.test(cursor)) throw badReply(about, 'no cursor')
  } while (cursor !== '0')
}

/** Reads the calendar period of the first reply, also when another period begins. */
function pinned(
  window: Window,
  previous: number,
  period: number,
  { runtime, layouts, clock }: ExportParts,
): Call<ReadItem> {
  const { keys, plan } = layouts.read(window, { nowMs: clock.nowMs(), previous })
  const { windows, ...rest } = JSON.parse(plan) as { windows: { z: readonly number[] }[] }
  const z = [(windows[0]?.z ?? [])[period - 1]]
  const fixed = {
    keys,
    plan: JSON.stringify({ ...rest, windows: [{ z }] }),
    period: { startMs: -Infinity, endMs: Infinity },
  }
  return createCall(runtime, leaderboardRead, clock, () => fixed)
}

async function scan(call: Call<ReadItem>, cursor: string, data: 0 | 2): Promise<readonly string[]> {
  return linesOf(await call(1, 'scan', 'ordinal', data, cursor, '', '', '')) ?? []
}
