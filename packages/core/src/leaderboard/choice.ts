import { invalid } from '../errors.ts'
import { checkOptions, wholeNumber } from '../options.ts'
import type { Runtime } from '../redis/penknife.ts'
import { leaderboardRead, leaderboardReadRolling } from '../redis/scripts.gen.ts'
import type { Settings, Window } from './options.ts'
import type { BoardReadOptions, BoardRankStyle, BoardWindowChoice } from './read-types.ts'
import { type BoardClock, type Call, createCall } from './board-call.ts'
import type { Layouts, When } from './windows.ts'

/** An item of the scripts that read. */
export type ReadItem = [
  what: string,
  style: string,
  /** See lua/_lib/leaderboard/rows.lua. */
  data: 0 | 1 | 2 | 3,
  a: string | number,
  b: string | number,
  c: string | number,
  d: string | number,
]

/** How to read one window, or one former period of it. */
export interface View {
  readonly window: Window
  readonly call: Call<ReadItem>
}

/** The window and style of a read, and whether it includes data. */
export interface Choice {
  readonly view: View
  readonly style: BoardRankStyle
  readonly data: boolean
}

/** The most rows of a read with data, which may have 4 KiB each. */
const ROWS_WITH_DATA = 200

/** No options. */
export const NONE: BoardReadOptions & { readonly fill?: boolean; readonly interpolate?: boolean } = {}

/** Checks the options of reads. */
export interface Choices {
  /** For a read of so many rows. */
  rows(options: BoardReadOptions, rows: number, ...also: readonly string[]): Choice
  /** For a read of numbers, without rows. `also`: more known options. */
  window(options: BoardWindowChoice, ...also: readonly string[]): Choice
}

export function createChoices(
  runtime: Runtime,
  settings: Settings,
  layouts: Layouts,
  clock: BoardClock,
): Choices {
  const { windows } = settings
  const views = new Map<string, View>()
  /** The choice without options. */
  let usual: Choice | undefined

  function viewOf(window: Window, when: (nowMs: number) => When): View {
    const script = window.kind === 'rolling' ? leaderboardReadRolling : leaderboardRead
    return { window, call: createCall(runtime, script, clock, (nowMs) => layouts.read(window, when(nowMs))) }
  }

  function choose(options: BoardReadOptions, known: readonly string[]): Choice {
    if (options === NONE && usual) return usual
    checkOptions('read', options, known)
    const {
      window: windowName = windows[0].name,
      previous = 0,
      ranks: style = 'ordinal',
      data = false,
    } = options
    const window = windows.find((each) => each.name === windowName)
    if (!window)
      throw invalid('window', windowName, `give one of ${windows.map((each) => each.name).join(', ')}`)
    if (previous !== 0) {
      if (window.kind !== 'calendar')
        throw invalid(
          'previous',
          previous,
          `window ${windowName} is not a calendar window and has no periods`,
        )
      wholeNumber('previous', previous, 0, window.previous)
    }
    if (style !== 'ordinal' && style !== 'competition' && style !== 'dense') {
      throw invalid('ranks', style, "give 'ordinal', 'competition' or 'dense'")
    }
    if (style === 'dense' && !settings.dense) {
      throw invalid('ranks', style, 'create the board with denseRanks: true before its first update')
    }
    if (typeof data !== 'boolean') throw invalid('data', data, 'give true or false')
    const id = `${windowName}/${previous}`
    let view = views.get(id)
    if (!view) views.set(id, (view = viewOf(window, (nowMs) => ({ nowMs, previous }))))
    const choice = { view, style, data }
    if (options === NONE) usual = choice
    return choice
  }

  return {
    rows(options, rows, ...also) {
      const choice = choose(options, ['window', 'previous', 'ranks', 'data', ...also])
      if (choice.data && rows > ROWS_WITH_DATA) {
        throw invalid('data', true, `read at most ${ROWS_WITH_DATA} rows with data`)
      }
      return choice
    },
    window: (options, ...also) => choose(options, ['window', 'previous', ...also]),
  }
}
