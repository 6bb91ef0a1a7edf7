import { randomBytes } from 'node:crypto'

import { durationMs } from '../duration.ts'
import { invalid, PenknifeError } from '../errors.ts'
import { checkName, checkOptions, checkText, wholeNumber } from '../options.ts'
import { createDeclaration } from '../redis/declaration.ts'
import { Effect, type EffectTarget, textsOf } from '../record/effect.ts'
import { readReply } from '../redis/failures.ts'
import { type Runtime, runtimeOf, type Space } from '../redis/penknife.ts'
import type { Port } from '../redis/runner.ts'
import type { Arg } from '../redis/script.ts'
import {
  guardAdd,
  guardCount,
  guardCounted,
  guardCountOnce,
  guardReserve,
  guardSettle,
} from '../redis/scripts.gen.ts'
import {
  checkCounter,
  type CounterSettings,
  declarationText,
  MOST_CHANGES,
  packChange,
  packChanges,
  packSet,
  readCountersOptions,
} from './counter-options.ts'
import type {
  CounterChangeOptions,
  CounterEffectOptions,
  CounterAnswer,
  CounterChange,
  CounterRefusal,
  Counters,
  CountersAnswer,
  CountersOptions,
  CounterState,
  CounterReservation,
  CounterReservationEnd,
  CounterSingleChangeOptions,
} from './counter-types.ts'
import { createLay, createPeriodCall, createRedisClock, type PeriodPlan } from './periods.ts'

const DAY_MS = 86_400_000
const LONGEST_ID = 128
const NONE = {}
const MOST_PERIODS = 4

/**
 * Makes counters with a floor and a ceiling, kept in the space's slot.
 *
 * All counters of a name are one hash of about 70 bytes a counter without a TTL, which grows with the counters that are not at `initial`;
 * with a calendar each period has a hash of its own, which expires when the next period ended. An open or remembered reservation takes
 * about 220 bytes, a remembered id about 180. All who use the counters give the same options: they are reported when they differ.
 *
 * Cost: each method is one script call (more only to give back what many expired reservations hold), and one more for the process to
 * declare the options.
 *
 * @throws PENKNIFE_INVALID for a wrong name or option; its methods for a wrong argument.
 */
export function createCounters(space: Space, name: string, options: CountersOptions = {}): Counters {
  checkName('counters name', name)
  const settings = readCountersOptions(options)
  const runtime = runtimeOf(space)
  const { keys } = runtime
  const { route } = keys
  const title = `counters '${name}' of space '${space.name}'`
  runtime.use('counters', name)
  const declare = createDeclaration(runtime.bind, {
    route,
    key: keys.guard('counter', name, 'declaration'),
    text: declarationText(settings),
    lastsMs: 90 * DAY_MS,
    title,
    onOther: (before) =>
      process.emitWarning(
        `${title} were declared with '${before}' and now with '${declarationText(settings)}': each process uses its own`,
        { type: 'PenknifeWarning', code: 'redeclared' },
      ),
  })

  const lay = createLay(settings.calendar, (period) => keysOf(runtime, name, period))
  const clock = createRedisClock()
  const how = { lay, clock, title }
  const shared = (plan: PeriodPlan): [readonly string[], string] => [
    plan.keys,
    planText(settings, plan.times),
  ]
  const count = createPeriodCall(runtime, guardCount, how, shared)
  const countOnce = createPeriodCall(
    runtime,
    guardCountOnce,
    how,
    (plan): [readonly string[], string, number] => [...shared(plan), settings.rememberMs],
  )
  const counted = createPeriodCall(runtime, guardCounted, how, shared)
  const hold = createPeriodCall(runtime, guardReserve, how, shared)

  async function run(lines: string, { id }: CounterChangeOptions): Promise<string> {
    declare()
    if (id === undefined) return (await count(lines)).reply
    checkText('id', id, LONGEST_ID)
    const once = keys.guardOf('counter-id', name, id)
    const { reply } = await countOnce(once, lines)
    if (reply !== '!') return reply
    throw invalid('id', id, 'it names a call with other changes; give every request an id of its own')
  }

  function stateOf(counter: string, line: string, given: Limits = NONE): CounterState {
    const [value, down, up] = numbersOf(line, 3) as [number, number, number]
    return {
      counter,
      value,
      available: Math.max(0, value + down - (given.floor ?? settings.floor)),
      room: Math.max(0, (given.ceiling ?? settings.ceiling) - value - up),
    }
  }

  function refusalOf(changes: readonly CounterChange[], line: string): CounterRefusal {
    const [at = '', reason = '', ...state] = line.split(' ')
    const change = changes[Number(at) - 1]
    if (!change || (reason !== 'floor' && reason !== 'ceiling')) throw new Error(`'${line}' is no refusal`)
    return { ...stateOf(change.counter, state.join(' '), change), by: change.by, reason }
  }

  /** What a script said of changes. */
  function read(changes: readonly CounterChange[], reply: string): CountersAnswer {
    return readReply(title, () => {
      const [kind, ...lines] = reply.split('\n')
      if (kind === '-') return { ok: false, refused: lines.map((line) => refusalOf(changes, line)) }
      if ((kind !== '+' && kind !== '=') || lines.length !== changes.length)
        throw new Error(`'${reply}' is no answer to ${changes.length} changes`)
      const counters = changes.map((change, at) => stateOf(change.counter, lines[at] as string, change))
      return { ok: true, repeated: kind === '=', counters }
    })
  }

  /** As `read`, of one change. */
  function readOne(change: CounterChange, reply: string): CounterAnswer {
    const answer = read([change], reply)
    if (!answer.ok) return { ok: false, ...(answer.refused[0] as CounterRefusal) }
    return { ok: true, repeated: answer.repeated, ...(answer.counters[0] as CounterState) }
  }

  /** The common call, where no period can end. */
  const add = settings.calendar
    ? undefined
    : runtime.bind(guardAdd, [lay(0).keys, planText(settings, [])], undefined, title)

  async function addTo(port: NonNullable<typeof add>, counter: string, by: number): Promise<CounterAnswer> {
    declare()
    checkCounter(counter)
    for (;;) {
      const reply = await port(route, counter, by)
      if (typeof reply === 'number') {
        const available = Math.max(0, reply - settings.floor)
        const room = Math.max(0, settings.ceiling - reply)
        return { ok: true, repeated: false, counter, value: reply, available, room }
      }
      if (reply !== 'again') return readOne({ counter, by }, reply)
    }
  }

  async function one(counter: string, by: number, given: CounterSingleChangeOptions): Promise<CounterAnswer> {
    if (given !== NONE) checkOptions('counter', given, ['id', 'floor', 'ceiling'])
    const { floor, ceiling } = given
    const reply = await run(packChange(counter, by, floor, ceiling), given)
    return readOne({ counter, by, floor, ceiling } as CounterChange, reply)
  }

  /** Of the last periods that were asked for: calls through one port share a batch. */
  const settlers = new Map<number, Port<[id: Arg, how: Arg], number | string>>()

  function settling(startMs: number): Port<[id: Arg, how: Arg], number | string> {
    let port = settlers.get(startMs)
    if (!port) {
      if (settlers.size >= MOST_PERIODS) settlers.clear()
      port = runtime.bind(guardSettle, [lay(startMs).keys, planText(settings, [])], undefined, title)
      settlers.set(startMs, port)
    }
    return port
  }

  async function end(id: string, ending: 'c' | 'x'): Promise<CounterReservationEnd> {
    const { startMs, own } = partsOf(checkText('reservation', id, LONGEST_ID + 16))
    const settle = settling(startMs)
    for (;;) {
      const reply = await settle(route, own, ending)
      if (reply === 0) continue
      if (reply === '+') return { state: ENDS[ending], repeated: false }
      const state = typeof reply === 'string' && reply in ENDS ? ENDS[reply as keyof typeof ENDS] : 'unknown'
      return { state, repeated: state !== 'unknown' }
    }
  }

  /** With a calendar a reservation's id begins with the period in which, or in the next of which, it was made. */
  function idOf(own: string, startMs: number): string {
    return settings.calendar ? `${startMs.toString(36)}.${own}` : own
  }

  function partsOf(id: string): { readonly own: string; readonly startMs: number } {
    if (!settings.calendar) return { own: id, startMs: 0 }
    const [, start = '', own = ''] = /^([0-9a-z]{1,11})\.(.+)$/.exec(id) ?? []
    const startMs = Number.parseInt(start, 36)
    if (own !== '' && startMs < 8e15) return { own, startMs }
    throw invalid('reservation', id, 'give the id that reserve() answered')
  }

  const target: EffectTarget = {
    kind: 'count',
    title: `counters '${name}'`,
    space: space.name,
    runtime,
    layout(nowMs) {
      const { keys: periodKeys, times, period } = lay(nowMs)
      return { keys: periodKeys, plan: { plan: planText(settings, times) }, period }
    },
    cost: 4,
    used: declare,
    shapes: new WeakMap(),
  }

  function effect(
    counter: string,
    by: number,
    given: CounterEffectOptions,
  ): Effect<CounterState & { readonly reached?: boolean }> {
    if (given !== NONE) checkOptions('counter', given, ['floor', 'ceiling', 'reaching'])
    const { floor, ceiling, reaching } = given
    return new Effect({
      target,
      texts: textsOf(packChange(counter, by, floor, ceiling)),
      read: (line) => stateOf(counter, line, given),
      refusal(line) {
        const { reason, ...state } = refusalOf([{ counter, by, ...given }], `1 ${line}`)
        return { reason, counter, value: state.value, available: state.available, room: state.room }
      },
      reaching: reaching && checkReaching(reaching),
    })
  }

  return {
    name,
    incrementing: (counter, by = 1, given = NONE) => effect(counter, wholeAmount(by), given),
    decrementing: (counter, by = 1, given = NONE) => effect(counter, -wholeAmount(by), given),
    async increment(counter, by = 1, given = NONE) {
      if (add && given === NONE) return addTo(add, counter, wholeAmount(by))
      return one(counter, wholeAmount(by), given)
    },
    async decrement(counter, by = 1, given = NONE) {
      if (add && given === NONE) return addTo(add, counter, 0 - wholeAmount(by))
      return one(counter, -wholeAmount(by), given)
    },
    async set(counter, value, given = NONE) {
      checkOptions('set', given, ['id'])
      const reply = await run(packSet(counter, value), given)
      return readOne({ counter, by: value }, reply)
    },
    async change(changes, given = NONE) {
      checkOptions('change', given, ['id'])
      return read(changes, await run(packChanges(changes), given))
    },
    async read(counters) {
      if (!Array.isArray(counters) || counters.length < 1 || counters.length > MOST_CHANGES)
        throw invalid('counters', counters, `give a list of 1 to ${MOST_CHANGES} names`)
      const names = Array.from(counters, checkCounter)
      const { reply } = await counted(names.join('\n'))
      return readReply(title, () => {
        const lines = reply.split('\n')
        return names.map((counter, at) => stateOf(counter, lines[at] ?? ''))
      })
    },
    async reserve(changes, given) {
      checkOptions('reserve', given, ['expires', 'id'])
      const lasts = Math.ceil(durationMs('expires', given.expires, { min: 1000, max: 31 * DAY_MS }))
      const lines = packChanges(changes)
      const own =
        given.id === undefined ? randomBytes(15).toString('base64url') : checkText('id', given.id, LONGEST_ID)
      declare()
      const { reply, startMs } = await hold(lines, own, lasts)
      const id = idOf(own, startMs)
      const reservation: CounterReservation = { id, commit: () => end(id, 'c'), cancel: () => end(id, 'x') }
      if (reply.startsWith('=')) return { ok: true, repeated: true, reservation, counters: [] }
      const answer = read(changes, reply)
      return answer.ok ? { ...answer, reservation } : answer
    },
    async commit(id) {
      return end(id, 'c')
    },
    async cancel(id) {
      return end(id, 'x')
    },
  }
}

interface Limits {
  readonly floor?: number
  readonly ceiling?: number
}

const ENDS = { c: 'committed', x: 'cancelled', e: 'expired' } as const

/** Counters, when reservations are due, reservations. */
function keysOf({ keys }: Runtime, name: string, period: string): readonly string[] {
  const of = period === '' ? [] : [period]
  return [
    keys.guard('counter', name, ...of),
    keys.guard('counter', name, ...of, 'expiring'),
    keys.guard('counter', name, ...of, 'reserved'),
  ]
}

function planText(
  { floor, ceiling, initial, rememberMs }: CounterSettings,
  times: readonly number[],
): string {
  return [floor, ceiling, initial, rememberMs, ...times].join(' ')
}

function checkReaching(reaching: NonNullable<CounterEffectOptions['reaching']>): typeof reaching {
  checkOptions('reaching', reaching, ['value', 'effects'])
  wholeNumber('value', reaching.value, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
  if (Array.isArray(reaching.effects)) return reaching
  throw invalid('effects', reaching.effects, 'give a list of effects')
}

/** Of what is added or taken: nothing or more. */
function wholeAmount(by: number): number {
  return wholeNumber('by', by, 0, Number.MAX_SAFE_INTEGER)
}

function numbersOf(line: string, count: number): readonly number[] {
  const numbers = line.split(' ').map(Number)
  if (numbers.length === count && numbers.every(Number.isSafeInteger)) return numbers
  throw new PenknifeError('PENKNIFE_BAD_REPLY', `'${line}' is no counter`)
}
