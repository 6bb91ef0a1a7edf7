import { setTimeout as delay } from 'node:timers/promises'

import { wholeMs, type StreamSettings } from './settings.ts'
import { disown, reportFault } from '../callbacks.ts'
import { invalid, PenknifeError } from '../errors.ts'
import type { Topic } from '../events.ts'
import { isPlain, toJson } from '../json.ts'
import { checkOptions } from '../options.ts'
import { streamAdd, streamAddOnce } from '../redis/scripts.gen.ts'
import { conform, type StandardSchema } from '../standard-schema.ts'
import { isWellFormed } from '../text.ts'
import type { Scope } from './scope.ts'
import type { AddManyOptions, AddOptions, StreamEvent } from './types.ts'

/** The largest payload, as JSON in bytes. */
const LARGEST_PAYLOAD = 1 << 20
/** The longest dedup key, in characters. */
const LONGEST_KEY = 512
/** Entries and characters of payload that addMany has under way at once. */
const MANY = 2000
const MANY_LENGTH = 8 << 20
/** Between two tries of an add that waits for room; it grows to the second. */
const FIRST_WAIT_MS = 20
const LAST_WAIT_MS = 500

export interface Adder<T> {
  add(payload: T, options?: AddOptions): Promise<string>
  addMany(payloads: readonly T[], options?: AddManyOptions<T>): Promise<readonly string[]>
}

/** What goes to the scripts besides payload and key, checked once a call. */
interface Terms {
  readonly trace: string
  readonly due: string
  readonly windowMs: number
  readonly wait: boolean
  readonly signal: AbortSignal | undefined
}

const PLAIN: Terms = { trace: '', due: '', windowMs: 0, wait: false, signal: undefined }

/** What is told of adds: each, before anything is checked; the first that made an entry. */
export interface Told {
  added(): void
  declared(): void
}

export function createAdder<T>(
  scope: Scope,
  { safety, limits, firstLimits, limited, schema, traceparent }: StreamSettings<T, unknown>,
  topic: Topic<StreamEvent>,
  { added, declared: told }: Told,
): Adder<T> {
  const { keys, route, stream: name, key: stream, bindSafe } = scope
  const appendNext = bindSafe(streamAdd, [[stream], limits], safety)
  const appendFirst = bindSafe(streamAdd, [[stream], firstLimits], safety)
  const appendNextOnce = bindSafe(streamAddOnce, [limits], safety)
  const appendFirstOnce = bindSafe(streamAddOnce, [firstLimits], safety)
  /** Of adds that wait for room: the last one's turn. */
  let line: Promise<void> = Promise.resolve()
  let waiting = 0
  /** Whether an add of this process made the declared groups. */
  let declared = false
  let traceFault = false

  function append(json: string, trace: string, due: string): Promise<string | null> {
    return declared ? appendNext(route, json, trace, due) : declares(appendFirst(route, json, trace, due))
  }

  function declares(adding: Promise<string | null>): Promise<string | null> {
    return adding.then((answer) => {
      if (declared || answer === null || answer.startsWith('=')) return answer
      declared = true
      told()
      return answer
    })
  }

  function appendUnder(key: string, json: string, { trace, due, windowMs }: Terms): Promise<string | null> {
    const item = [route, stream, keys.once(name, key), json, trace, due, windowMs] as const
    return declared ? appendNextOnce(...item) : declares(appendFirstOnce(...item))
  }

  /** One try. Undefined when the stream is full. */
  async function once(json: string, key: string | undefined, terms: Terms): Promise<string | undefined> {
    const { trace, due } = terms
    const answer = await (key === undefined ? append(json, trace, due) : appendUnder(key, json, terms))
    if (answer === null) {
      if (topic.heard) topic.emit({ kind: 'full', stream: name })
      return undefined
    }
    const known = answer.startsWith('=')
    const id = known ? answer.slice(1) : answer
    if (topic.heard) topic.emit({ kind: known ? 'duplicate' : 'added', stream: name, id })
    return id
  }

  async function addJson(json: string, key: string | undefined, terms: Terms): Promise<string> {
    terms.signal?.throwIfAborted()
    const id = terms.wait && waiting > 0 ? undefined : await once(json, key, terms)
    if (id === undefined && terms.wait) return inLine(() => once(json, key, terms), terms.signal)
    if (id === undefined) {
      throw new PenknifeError(
        'PENKNIFE_FULL',
        `${name} has reached its maxBacklog: add later, or give whenFull: 'wait'`,
      )
    }
    return id
  }

  /** Tries until there is room. Those who wait take turns, and only the first of them asks Redis. */
  async function inLine(
    tryOnce: () => Promise<string | undefined>,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const turn = line
    let pass = (): void => {}
    waiting += 1
    line = new Promise((resolve) => (pass = resolve))
    try {
      await orAbort(turn, signal)
      for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LAST_WAIT_MS)) {
        signal?.throwIfAborted()
        const id = await tryOnce()
        if (id !== undefined) return id
        await orAbort(delay(wait), signal)
      }
    } finally {
      waiting -= 1
      // One that gave up while it waited lets those behind it on only after those before it.
      turn.then(pass, pass)
    }
  }

  function checked(payload: T): string | Promise<string> {
    if (!schema) return toJson('payload', payload, LARGEST_PAYLOAD)
    const output = conform(schema, 'payload', payload)
    return output instanceof Promise
      ? output.then(() => arriving(schema, payload))
      : arriving(schema, payload)
  }

  /** What the application's function answers. Its fault costs the trace and not the entry, and is reported once. */
  function ambientTrace(): string | undefined {
    try {
      const answer: unknown = traceparent?.()
      if (answer === undefined || typeof answer === 'string') return answer
      disown(answer)
      throw new TypeError('it answers no text; give a plain function, not an async one')
    } catch (error) {
      if (!traceFault) reportFault(`the traceparent function of ${name} failed`, error)
      traceFault = true
      return undefined
    }
  }

  function termsOf(where: string, options: Omit<AddOptions, 'key'>): Terms {
    checkOptions(where, options, KNOWN)
    const { delay: later, at, whenFull = 'reject', signal } = options
    if (whenFull !== 'reject' && whenFull !== 'wait') {
      throw invalid('whenFull', whenFull, "give 'reject' or 'wait'")
    }
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw invalid('signal', signal, 'give an AbortSignal')
    }
    if (later !== undefined && at !== undefined) throw invalid('at', at, "give 'delay' or 'at', not both")
    const afterMs = later === undefined ? 0 : wholeMs('delay', later, 0)
    return {
      trace: checkedTrace(options.traceparent ?? ambientTrace()),
      due: at === undefined ? (afterMs > 0 ? `+${afterMs}` : '') : timeOf(at),
      windowMs: wholeMs('window', options.window ?? 3_600_000, 1),
      wait: whenFull === 'wait',
      signal,
    }
  }

  return {
    add(payload, options) {
      try {
        added()
        if (options === undefined && traceparent === undefined) {
          const json = checked(payload)
          // The usual case, without a promise of its own.
          if (typeof json === 'string' && !limited && !topic.heard)
            return append(json, '', '') as Promise<string>
          return typeof json === 'string'
            ? addJson(json, undefined, PLAIN)
            : json.then((text) => addJson(text, undefined, PLAIN))
        }
        const terms = termsOf('add', options === undefined ? {} : options)
        const key = options?.key === undefined ? undefined : checkKey(options.key)
        const json = checked(payload)
        return typeof json === 'string'
          ? addJson(json, key, terms)
          : json.then((text) => addJson(text, key, terms))
      } catch (error) {
        return Promise.reject(error)
      }
    },
    async addMany(payloads, options = {}) {
      if (!Array.isArray(payloads)) throw invalid('payloads', payloads, 'give a list of payloads')
      const terms = termsOf('addMany', options)
      const keyOf = options.key
      if (keyOf !== undefined && typeof keyOf !== 'function') {
        throw invalid('key', keyOf, 'give a function that answers the key of a payload')
      }
      added()
      // Everything is checked before anything is sent.
      const texts: string[] = []
      const dedup: string[] = []
      for (const [at, payload] of (payloads as readonly T[]).entries()) {
        const json = checked(payload)
        texts.push(typeof json === 'string' ? json : await json)
        if (keyOf) dedup.push(checkKey(keyOf(payload, at)))
      }
      const plain = !keyOf && !limited && !topic.heard
      const ids: string[] = []
      for (let from = 0; from < texts.length;) {
        const sent: Promise<string>[] = []
        for (let length = 0; from < texts.length && sent.length < MANY && length < MANY_LENGTH; from++) {
          const json = texts[from] as string
          length += json.length
          sent.push(
            plain
              ? (append(json, terms.trace, terms.due) as Promise<string>)
              : addJson(json, dedup[from], terms),
          )
        }
        await collect(sent, ids, texts.length)
      }
      return ids
    },
  }
}

/** The JSON of a payload. Workers ask the schema again, so that what JSON makes of it, such as text of a Date, must fit, too. */
function arriving(schema: StandardSchema, payload: unknown): string | Promise<string> {
  const json = toJson('payload', payload, LARGEST_PAYLOAD)
  if (isPlain(payload)) return json
  const output = conform(schema, 'payload, as it arrives as JSON,', JSON.parse(json), 'payload')
  return output instanceof Promise ? output.then(() => json) : json
}

const KNOWN = ['key', 'window', 'delay', 'at', 'traceparent', 'whenFull', 'signal']

/** Adds to `ids` what was added; throws, once all of them ended, when one was not. */
async function collect(sent: readonly Promise<string>[], ids: string[], all: number): Promise<void> {
  try {
    for (const id of await Promise.all(sent)) ids.push(id)
  } catch {
    const ends = await Promise.allSettled(sent)
    const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []))
    const added = ids.length + ends.length - failures.length
    const first = failures.find((error) => error instanceof PenknifeError)
    if (!first) throw failures[0]
    const unknown = failures.some((error) => error instanceof PenknifeError && error.fate === 'unknown')
    throw new PenknifeError(first.code, `${added} of ${all} entries were added: ${first.message}`, {
      cause: failures,
      fate: added > 0 || unknown ? 'unknown' : 'not-done',
    })
  }
}

function checkKey(key: string): string {
  if (typeof key !== 'string' || key === '' || key.length > LONGEST_KEY) {
    disown(key)
    throw invalid('key', key, `give 1 to ${LONGEST_KEY} characters`)
  }
  if (!isWellFormed(key)) {
    throw invalid('key', key, 'it holds half a surrogate pair (an emoji cut in two); cut text by code points')
  }
  return key
}

function timeOf(at: Date | number): string {
  const ms = at instanceof Date ? at.getTime() : at
  if (typeof ms !== 'number' || !(ms >= 0 && ms <= 8.64e15)) {
    throw invalid('at', at, 'give a Date, or milliseconds since 1970')
  }
  return String(Math.ceil(ms))
}

const TRACEPARENT = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/

/** What is not a traceparent is left out, as W3C asks of who gets one from outside. */
function checkedTrace(traceparent: string | undefined): string {
  return traceparent !== undefined && TRACEPARENT.test(traceparent) ? traceparent : ''
}

/** Waits for something or until the signal ends the waiting. */
function orAbort(what: Promise<unknown>, signal: AbortSignal | undefined): Promise<unknown> {
  if (!signal) return what
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    what.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
