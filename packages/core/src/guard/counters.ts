import { durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'
import { createTopic } from '../events.ts'
import { checkName, checkOptions, checkSignal, checkText, wholeNumber } from '../options.ts'
import { comparable } from '../record/comparable.ts'
import { channelChanges, followable } from '../redis/changes.ts'
import { badReply } from '../redis/failures.ts'
import { createDeclaration } from '../redis/declaration.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import { reportRedeclared } from '../redeclared.ts'
import { createCounterReader } from './counter-answers.ts'
import { createCounterCalls } from './counter-calls.ts'
import { createCounterEffects } from './counter-effects.ts'
import {
  checkCounter,
  declarationText,
  MOST_CHANGES,
  packAmounts,
  packChange,
  packChanges,
  packSet,
  readCountersOptions,
} from './counter-options.ts'
import type {
  CounterAnswer,
  CounterCancelOptions,
  CounterChange,
  CounterChangeOptions,
  CounterCommitOptions,
  CounterFenced,
  CounterFenceOptions,
  CounterReservation,
  CounterReservationEnd,
  CounterReserveOptions,
  Counters,
  CountersEvent,
  CounterSetOptions,
  CounterSingleChangeOptions,
  CountersOptions,
  CountersReservation,
} from './counter-types.ts'
import { createCounterWatch } from './counter-watch.ts'
import { checkFence, refusedBy } from './fence.ts'
import { createRandomIds } from './random-ids.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const LONGEST_ID = 128
const NONE = {}

/**
 * Creates counters with a floor and a ceiling, stored in the space's slot.
 *
 * All counters of a name are one hash of about 75 bytes a counter without a TTL, which grows with the counters that are not at `initial`.
 * With a calendar, each period has a hash of its own, which expires when the next period has ended. A reservation takes about 220 bytes
 * until it is forgotten, a stored id about 180. All processes give the same options: a difference is reported.
 *
 * Cost: each method is one script call; more calls only give back many expired reservations. Each process declares the options once.
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
  const channel = keys.guardLive('counter', name, 'nudges')
  const topic = createTopic<CountersEvent>('penknife:counters')
  runtime.use('counters', name, options)
  const declaration = declarationText(settings)
  const declare = createDeclaration(runtime.bind, {
    route,
    key: keys.guard('counter', name, 'declaration'),
    text: declaration,
    lastsMs: 90 * DAY_MS,
    title,
    onOther: (before) =>
      reportRedeclared(topic, { space: space.name, name }, { title, before, now: declaration }),
  })
  const calls = createCounterCalls(runtime, name, settings, { channel, title })
  const { add } = calls
  const reader = createCounterReader(title, settings)
  const watch = createCounterWatch(runtime, {
    channel,
    title,
    expire: calls.expire,
    resets: settings.calendar !== undefined,
  })
  const newId = createRandomIds()

  /** Sends changes, and waits where that is asked for; resolves with the script's reply. */
  async function change(
    changes: readonly CounterChange[],
    lines: string,
    { id, fence, wait, signal }: Fenced<CounterChangeOptions>,
  ): Promise<string> {
    checkSignal(signal)
    declare()
    const terms = {
      once: id === undefined ? undefined : keys.guardOf('counter-id', name, checkText('id', id, LONGEST_ID)),
      fence: fence && checkFence(keys, fence),
    }
    const ask = async (): Promise<string> => (await calls.count(lines, terms)).reply
    const reply = await (wait === undefined
      ? ask()
      : watch.until(changes, { waitMs: waitOf(wait), signal }, ask, isRefusal))
    if (reply !== '!') return reply
    throw invalid('id', id, 'it identifies a call with other changes; give every request an id of its own')
  }

  async function one(
    counter: string,
    by: number,
    given: Fenced<CounterSingleChangeOptions>,
  ): Promise<CounterAnswer | CounterFenced> {
    if (given !== NONE) checkOptions('counter', given, ['id', 'floor', 'ceiling', 'fence', 'wait', 'signal'])
    const { floor, ceiling } = given
    const lines = packChange(counter, by, floor, ceiling)
    const asked = { counter, by, floor, ceiling } as CounterChange
    return reader.one(asked, await change([asked], lines, given))
  }

  /** The common call: one counter, without options and calendar. `by` is a checked number. */
  function addTo(port: NonNullable<typeof add>, counter: string, by: number): Promise<CounterAnswer> {
    declare()
    checkCounter(counter)
    const text = by === 1 ? `+${counter}` : by === -1 ? `-${counter}` : `=${by} ${counter}`
    // A receiver instead of a chain of promises: half of the memory that a call takes.
    return new Promise((resolve, failed) => {
      const received = (reply: number | string): void => {
        if (typeof reply === 'number') resolve(reader.plain(counter, reply))
        else if (reply === 'again') port.to(receiver, route, text)
        else resolve(reader.one({ counter, by }, reply) as CounterAnswer)
      }
      const receiver = { received, failed }
      port.to(receiver, route, text)
    })
  }

  function changeOne(
    counter: string,
    amount: number,
    sign: 1 | -1,
    given: Fenced<CounterSingleChangeOptions>,
  ): Promise<CounterAnswer | CounterFenced> {
    try {
      // Never -0.
      const by = sign < 0 ? 0 - wholeAmount(amount) : wholeAmount(amount)
      return add && given === NONE ? addTo(add, counter, by) : one(counter, by, given)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** With a calendar, a reservation's id begins with the period in which it was made, or the one before. */
  function idOf(own: string, startMs: number): string {
    return settings.calendar ? `${startMs.toString(36)}.${own}` : own
  }

  function partsOf(id: string): { readonly own: string; readonly startMs: number } {
    if (!settings.calendar) return { own: id, startMs: 0 }
    const [, start = '', own = ''] = /^([0-9a-z]{1,11})\.(.+)$/.exec(id) ?? []
    const startMs = Number.parseInt(start, 36)
    if (own !== '' && startMs < 8e15) return { own, startMs }
    throw invalid('reservation', id, 'give the id that reserve() returned')
  }

  async function reserve(
    changes: readonly CounterChange[],
    given: Fenced<CounterReserveOptions>,
  ): Promise<CountersReservation | CounterFenced> {
    checkOptions('reserve', given, ['expires', 'id', 'fence', 'wait', 'signal'])
    const { id: asked, fence, wait, signal } = given
    checkSignal(signal)
    const lasts = Math.ceil(durationMs('expires', given.expires, { min: 1000, max: 31 * DAY_MS }))
    const lines = packChanges(changes)
    const own = asked === undefined ? newId() : checkText('id', asked, LONGEST_ID)
    const terms = { fence: fence && checkFence(keys, fence), isNew: asked === undefined }
    declare()
    const ask = (): ReturnType<typeof calls.reserve> => calls.reserve(lines, own, lasts, terms)
    const { reply, startMs } = await (wait === undefined
      ? ask()
      : watch.until(changes, { waitMs: waitOf(wait), signal }, ask, (answer) => isRefusal(answer.reply)))
    const reservation = reservationOf(idOf(own, startMs), own, startMs)
    if (reply.startsWith('=')) return { ok: true, repeated: true, reservation, counters: [] }
    const answer = reader.answer(changes, reply)
    return answer.ok ? { ok: true, repeated: false, reservation, counters: answer.counters } : answer
  }

  function reservationOf(id: string, own: string, startMs: number): CounterReservation {
    return {
      id,
      commit: (given) => end(own, startMs, 'c', given),
      cancel: (given) => end(own, startMs, 'x', given),
    }
  }

  async function end(
    own: string,
    startMs: number,
    ending: 'c' | 'x',
    given: CounterCommitOptions = NONE,
  ): Promise<CounterReservationEnd> {
    if (given !== NONE) checkOptions(ending === 'c' ? 'commit' : 'cancel', given, OPTIONS_OF[ending])
    const { fence, amounts } = given
    const how = amounts === undefined ? ending : `${ending}\n${packAmounts(amounts)}`
    const reply = await calls.settle(own, startMs, how, fence && checkFence(keys, fence))
    if (reply === '+') return { state: ENDS[ending], repeated: false }
    if (reply === '') return { state: 'unknown', repeated: false }
    if (reply in ENDS) return { state: ENDS[reply as keyof typeof ENDS], repeated: true }
    const highest = refusedBy(reply)
    if (highest !== undefined) return { state: 'refused', repeated: false, fence: highest }
    if (!reply.startsWith('!')) throw badReply(title, `'${reply}' is no end of a reservation`)
    throw invalid('amounts', amounts, `give at most what was reserved of '${reply.slice(1)}', with its sign`)
  }

  async function endById(
    id: string,
    ending: 'c' | 'x',
    given: CounterCommitOptions | undefined,
  ): Promise<CounterReservationEnd> {
    const { own, startMs } = partsOf(checkText('reservation', id, LONGEST_ID + 16))
    return end(own, startMs, ending, given)
  }

  const { layout } = calls
  const counters = {
    name,
    ...createCounterEffects({ space: space.name, name, runtime, reader, layout, declare }),
    increment: (counter: string, by: number = 1, given: Fenced<CounterSingleChangeOptions> = NONE) =>
      changeOne(counter, by, 1, given),
    decrement: (counter: string, by: number = 1, given: Fenced<CounterSingleChangeOptions> = NONE) =>
      changeOne(counter, by, -1, given),
    async set(counter: string, value: number, given: Fenced<CounterSetOptions> = NONE) {
      checkOptions('set', given, ['id', 'fence'])
      const asked = { counter, by: value }
      return reader.one(asked, await change([asked], packSet(counter, value), given))
    },
    async change(changes: readonly CounterChange[], given: Fenced<CounterChangeOptions> = NONE) {
      checkOptions('change', given, ['id', 'fence', 'wait', 'signal'])
      return reader.answer(changes, await change(changes, packChanges(changes), given))
    },
    async read(names: readonly string[]) {
      if (!Array.isArray(names) || names.length < 1 || names.length > MOST_CHANGES)
        throw invalid('counters', names, `give a list of 1 to ${MOST_CHANGES} names`)
      const checked = Array.from(names, checkCounter)
      const { reply } = await calls.read(checked.join('\n'))
      const lines = reply.split('\n')
      return checked.map((counter, at) => reader.state(counter, lines[at] ?? ''))
    },
    reserve,
    commit: (id: string, given?: CounterCommitOptions) => endById(id, 'c', given),
    cancel: (id: string, given?: CounterCancelOptions) => endById(id, 'x', given),
    on: (listener: (event: CountersEvent) => void) => topic.on(listener),
  }
  followable(counters, channelChanges(runtime, channel))
  // Only calls with a fence are refused by one.
  return comparable(counters as Counters, {
    title: `counters '${name}'`,
    space: space.name,
    runtime,
    kind: 'h',
    keyOf: settings.calendar ? undefined : () => keys.guard('counter', name),
    // With open reservations, two more numbers follow the value.
    valueOf: (stored) => (stored === null ? settings.initial : Number.parseInt(stored, 10)),
  })
}

type Fenced<Options> = Options & Partial<CounterFenceOptions>

const OPTIONS_OF = { c: ['fence', 'amounts'], x: ['fence'] } as const
const ENDS = { c: 'committed', x: 'cancelled', e: 'expired' } as const

function isRefusal(reply: string): boolean {
  return reply.startsWith('-')
}

/** Checks what is added or taken: 0 or more. */
function wholeAmount(by: number): number {
  return wholeNumber('by', by, 0, Number.MAX_SAFE_INTEGER)
}

function waitOf(wait: NonNullable<CounterChangeOptions['wait']>): number {
  return durationMs('wait', wait, { min: 0, max: HOUR_MS })
}
