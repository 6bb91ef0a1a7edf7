import { invalid, PenknifeError } from '../errors.ts'
import { checkName, checkOptions } from '../options.ts'
import { badReply } from '../redis/failures.ts'
import { streamClear, streamDrop, streamPause, streamReset, streamSweep } from '../redis/scripts.gen.ts'
import { createDeadLetters } from './dead-letters.ts'
import type { StreamGroup } from './group-types.ts'
import { before, toBound } from './ids.ts'
import { PAUSED, type Scope } from './scope.ts'
import { SERVED_MS } from './stats.ts'

export function createGroup(scope: Scope, name: string): StreamGroup {
  const { keys, route, stream, key, groups, declared, title, bind, checkGroup } = scope
  checkName('group', name)
  const ready = keys.ready(stream, name)
  const delayed = keys.delayed(stream, name)
  const paused = keys.paused(stream, name)
  const pause = bind(streamPause, [])
  const reset = bind(streamReset, [])
  const drop = bind(streamDrop, [scope.heldWithLowOf(name)])
  const sweep = bind(streamSweep, [declared])

  const clear = bind(streamClear, [
    scope.heldWithLowOf(name),
    scope.order?.places ?? 0,
    name,
    keys.outcomes(stream, name),
    declared,
  ])

  const deadLetters = createDeadLetters(scope, name)

  async function setPaused(on: number): Promise<boolean> {
    checkGroup(name)
    const channel = keys.pausing(stream, name)
    const changed = await pause(route, paused, on, channel)
    // The workers of this process know it before the caller goes on.
    scope.runtime.subscriber.tell(channel, on === 1 ? PAUSED : '')
    return changed === 1
  }

  return {
    name,
    get deadLetters() {
      checkGroup(name)
      return deadLetters
    },
    pause: () => setPaused(1),
    resume: () => setPaused(0),
    async reset(options) {
      checkOptions('reset', options, ['to', 'discard'])
      const { to, discard = false } = options
      if (declared !== '-') {
        throw invalid(
          'group',
          name,
          `${title} is a work queue, which deletes handled entries; give 'retain' to make it an event log`,
        )
      }
      if (typeof discard !== 'boolean') throw invalid('discard', discard, 'give true or false')
      const place = toBound('to', to)
      const after = place === '+' ? '$' : before(place)
      const channel = keys.pausing(stream, name)
      const reply = await reset(route, key, ready, delayed, name, after, discard ? 1 : 0, channel)
      const [undelivered = 0, exact, again = 0, pending = 0, later = 0] = reply as readonly number[]
      return { waiting: undelivered + again, exact: exact === 1, running: pending, delayed: later }
    },
    async clear() {
      checkGroup(name)
      let total = 0
      let last = ''
      for (let first = true; ; first = false) {
        let [removed, skips] = [0, false]
        let next: readonly [last: string, place: string, from: string] = [last, 'queued', '0']
        while (next[1] !== '') {
          const place = next[1]
          const [count, ...rest] = (await clear(route, key, ready, delayed, ...next)) as unknown[]
          removed += Number(count)
          next = rest as [string, string, string]
          skips ||= next[1] === place && /^[1-9]/.test(next[2])
        }
        total += removed
        last = next[0]
        // Delayed and queued entries that stay are skipped by rank. If some of them left between two calls, others were missed.
        if (!skips || (!first && removed === 0)) return total
      }
    },
    async drop() {
      if (groups.includes(name)) {
        throw invalid('group', name, `${title} declares it; take it out of 'groups' first, in every process`)
      }
      const dead = keys.deadLetters(stream, name)
      const dropped = await drop(route, key, ready, delayed, dead, paused, name, SERVED_MS)
      if (typeof dropped === 'string') {
        throw new PenknifeError(
          'PENKNIFE_IN_USE',
          `worker ${dropped} serves group '${name}' of ${title}; close its workers first, and wait 30 s if their processes died`,
        )
      }
      if (declared !== '-') {
        for (let at: string | null = '-'; at !== null;) {
          const next: string | null = await sweep(route, key, at)
          if (next === at) throw badReply(`drop of group '${name}' of ${title}`, 'no progress')
          at = next
        }
      }
      return dropped === 1
    },
  }
}
