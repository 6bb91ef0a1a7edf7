import type { StreamSettings } from './settings.ts'
import { invalid, PenknifeError } from '../errors.ts'
import type { Topic } from '../events.ts'
import { isPlain, toJson } from '../json.ts'
import { streamAdd, streamAddOnce } from '../redis/scripts.gen.ts'
import { conform, type StandardSchema } from '../standard-schema.ts'
import { addTerms, type AddTerms, checkKey, createAmbientTrace, DEFAULT_TERMS } from './add-terms.ts'
import { createRoomQueue } from './room-queue.ts'
import type { Scope } from './scope.ts'
import type { StreamAddManyOptions, StreamAddOptions, StreamEvent } from './types.ts'

/** The largest payload, as JSON in bytes. */
const LARGEST_PAYLOAD = 1 << 20
/** Entries and characters of payload that addMany has under way at once. */
const MANY = 2000
const MANY_LENGTH = 8 << 20

export interface Adder<T> {
  add(payload: T, options?: StreamAddOptions): Promise<string>
  addMany(payloads: readonly T[], options?: StreamAddManyOptions<T>): Promise<readonly string[]>
}

/** What the adder reports. */
export interface AdderCallbacks {
  /** An add was called; nothing is checked yet. */
  readonly added: () => void
  /** The first add that made an entry: it made the declared groups, too. */
  readonly declared: () => void
}

export function createAdder<T>(
  scope: Scope,
  { safety, limits, firstLimits, limited, schema, traceparent }: StreamSettings<T, unknown>,
  topic: Topic<StreamEvent>,
  { added, declared: onDeclared }: AdderCallbacks,
): Adder<T> {
  const { keys, route, stream: name, key: stream, bindSafe } = scope
  const appendNext = bindSafe(streamAdd, [[stream], limits], safety)
  const appendFirst = bindSafe(streamAdd, [[stream], firstLimits], safety)
  const appendNextOnce = bindSafe(streamAddOnce, [limits], safety)
  const appendFirstOnce = bindSafe(streamAddOnce, [firstLimits], safety)
  const ambientTrace = createAmbientTrace(name, traceparent)
  const roomQueue = createRoomQueue()
  /** Whether an add of this process made the declared groups. */
  let declared = false

  function append(json: string, trace: string, due: string): Promise<string | null> {
    return declared ? appendNext(route, json, trace, due) : declares(appendFirst(route, json, trace, due))
  }

  function declares(adding: Promise<string | null>): Promise<string | null> {
    return adding.then((answer) => {
      if (declared || answer === null || answer.startsWith('=')) return answer
      declared = true
      onDeclared()
      return answer
    })
  }

  function appendUnder(
    key: string,
    json: string,
    { trace, due, windowMs }: AddTerms,
  ): Promise<string | null> {
    const item = [route, stream, keys.once(name, key), json, trace, due, windowMs] as const
    return declared ? appendNextOnce(...item) : declares(appendFirstOnce(...item))
  }

  /** One try. Undefined when the stream is full. */
  async function once(json: string, key: string | undefined, terms: AddTerms): Promise<string | undefined> {
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

  async function addJson(json: string, key: string | undefined, terms: AddTerms): Promise<string> {
    terms.signal?.throwIfAborted()
    const id = terms.wait && roomQueue.size > 0 ? undefined : await once(json, key, terms)
    if (id === undefined && terms.wait) return roomQueue.wait(() => once(json, key, terms), terms.signal)
    if (id === undefined) {
      throw new PenknifeError(
        'PENKNIFE_FULL',
        `${name} has reached its maxBacklog: add later, or give whenFull: 'wait'`,
      )
    }
    return id
  }

  function checked(payload: T): string | Promise<string> {
    if (!schema) return toJson('payload', payload, LARGEST_PAYLOAD)
    const output = conform(schema, 'payload', payload)
    return output instanceof Promise
      ? output.then(() => arriving(schema, payload))
      : arriving(schema, payload)
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
            ? addJson(json, undefined, DEFAULT_TERMS)
            : json.then((text) => addJson(text, undefined, DEFAULT_TERMS))
        }
        const terms = addTerms('add', options === undefined ? {} : options, ambientTrace)
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
      const terms = addTerms('addMany', options, ambientTrace)
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
