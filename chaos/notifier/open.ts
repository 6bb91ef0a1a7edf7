import { connect, createNotifier, type Notifier, type Penknife } from '@penknife/core'

import { sabotageScripts } from '../harness/sabotage.ts'
import { HISTORY, type RedisLife, SPACE } from './plan.ts'
import { pattern } from '../../scripts/redis/clients.ts'

/** The notifier, in a process that gets its life as its first argument. */
export function openNotifier({ url, sabotage }: RedisLife): {
  readonly penknife: Penknife
  readonly notifier: Notifier
} {
  sabotageScripts(sabotage)
  const penknife = connect(pattern(url), { deadline: 1000 })
  return { penknife, notifier: createNotifier(penknife.space(SPACE), 'main', { history: HISTORY }) }
}
