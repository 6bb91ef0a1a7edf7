// A process that brings a board from state to state until it must end, and records each state before and after.
import '../harness/ends-with-parent.ts'
import { setTimeout as delay } from 'node:timers/promises'

import { PenknifeError } from '@penknife/core'

import { openJournal } from '../harness/journal.ts'
import { openBoard, scoresOf } from './board.ts'
import { openNotifier } from './open.ts'
import type { RedisLife } from './plan.ts'
import type { ScorerRecord } from './records.ts'

const config = JSON.parse(process.argv[2] ?? '') as RedisLife
const journal = openJournal<ScorerRecord>(config.folder, config.life)
const { penknife } = openNotifier(config)
const board = openBoard(penknife)

const ending = new AbortController()
process.once('SIGTERM', () => ending.abort())

let n = 0

/** Whether the board is known to have the next state. */
async function next(): Promise<boolean> {
  n += 1
  journal.write({ k: 'scores', n })
  try {
    await board.update(scoresOf(n).map(({ member, score }) => ({ member, best: score })))
    journal.write({ k: 'scored', n })
    return true
  } catch (error) {
    if (!(error instanceof PenknifeError)) throw error
    journal.write({ k: 'failed score', n, code: error.code })
    return false
  }
}

while (!ending.signal.aborted) {
  await next()
  await delay(40)
}
while (!(await next())) await delay(40)
await penknife.close()
