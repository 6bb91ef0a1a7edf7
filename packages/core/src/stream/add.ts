import { invalid, PenknifeError } from '../errors.ts'
import type { Topic } from '../events.ts'
import { checkOptions } from '../options.ts'
import {
  streamAdd,
  streamAddLatest,
  streamAddOnce,
  streamAddPriority,
  streamAddUnfinished,
} from '../redis/scripts.gen.ts'
import { Effect, type EffectTarget, END } from '../record/effect.ts'
import { type BatchWriter, createBatchWriters } from './batch-writer.ts'
import { addTerms, type AddTerms, checkDedupId, createAmbientTrace, DEFAULT_TERMS } from './add-terms.ts'
import { type AmbientTrace, createAddTraces } from './add-traces.ts'
import type { StreamEvent } from './event-types.ts'
import type { StreamAddingOptions, StreamAddManyOptions, StreamAddOptions } from './option-types.ts'
import { dueWithKey } from './order.ts'
import { uniqueTerm, withTerm } from './own-terms.ts'
import { createRoomQueue } from './room-queue.ts'
import { checkPayload, LARGEST_PAYLOAD } from './payload.ts'
import type { Scope } from './scope.ts'
import type { StreamSettings } from './settings.ts'
import { withTags } from './tags.ts'

/** Most entries and characters of payload that addMany sends before it waits for their replies. */
const MANY = 2000
const MANY_LENGTH = 8 << 20
/** Microseconds of Redis, see `EffectTarget`. */
const ADD_COST = 5
const TAGGED_ADD_COST = 40
/** With tags an add costs several times as much, so fewer share a script call. */
const TAGGED_BATCH = 16

const ADDING = ['key', 'delay', 'at', 'attempts', 'backoff', 'timeout', 'result', 'traceparent']

export interface Adder<T> {
  add(payload: T, options?: StreamAddOptions): Promise<string>
  addMany(payloads: readonly T[], options?: StreamAddManyOptions<T>): Promise<readonly string[]>
  adding(payload: T, options?: StreamAddingOptions): Effect<string>
}

/** The adder, and what other packages of penknife add entries with. */
export interface AdderWithWriters<T> {
  readonly adder: Adder<T>
  createWriter(): BatchWriter
}

/** Callbacks of the adder. */
export interface AdderCallbacks {
  /** `add` or `addMany` was called; nothing is checked yet. */
  readonly added: () => void
  /** The first add of this process succeeded; it also created the declared groups. */
  readonly declared: () => void
}

export function createAdder<T>(
  scope: Scope,
  settings: StreamSettings<T, unknown>,
  topic: Topic<StreamEvent>,
  { added, declared: onDeclared }: AdderCallbacks,
): AdderWithWriters<T> {
  const { safety, limits, firstLimits, limited, schema, dedupMs, untilFinished, traceparent, tagging } =
    settings
  const { keys, route, stream: name, key: stream, title, identity, order } = scope
  const bindSafe: Scope['bindSafe'] = (script, ...rest) =>
    scope.bindSafe(tagging ? { ...script, batch: TAGGED_BATCH } : script, ...rest)
  const index = tagging ? [keys.tags(name)] : []
  const all = [stream, ...scope.groups.slice(0, 1).flatMap((group) => scope.placesOf(group)), ...index]
  const appendNext = bindSafe(streamAdd, [all, limits], safety)
  const appendFirst = bindSafe(streamAdd, [all, firstLimits], safety)
  const appendNextOnce = bindSafe(streamAddOnce, [all, limits], safety)
  const appendFirstOnce = bindSafe(streamAddOnce, [all, firstLimits], safety)
  const appendNextUnfinished = bindSafe(streamAddUnfinished, [all, limits], safety)
  const appendFirstUnfinished = bindSafe(streamAddUnfinished, [all, firstLimits], safety)
  const [only = ''] = scope.groups
  const workers = keys.pausing(name, only)
  const levels = [
    stream,
    keys.ready(name, only),
    keys.low(name, only),
    keys.delayed(name, only),
    keys.busyPlaces(name, only),
    keys.results(name, only),
    keys.resultsDue(name, only),
    ...index,
  ]
  const appendNextPriority = bindSafe(streamAddPriority, [levels, limits, only, workers], safety)
  const appendFirstPriority = bindSafe(streamAddPriority, [levels, firstLimits, only, workers], safety)
  const later = [stream, keys.delayed(name, only), ...index]
  const appendNextLatest = bindSafe(streamAddLatest, [later, limits, workers], safety)
  const appendFirstLatest = bindSafe(streamAddLatest, [later, firstLimits, workers], safety)
  const ambientTrace = createAmbientTrace(name, traceparent)
  const traces = createAddTraces(identity, ambientTrace)
  const roomQueue = createRoomQueue()
  /** Whether an add of this process created the declared groups. */
  let declared = false

  const target: EffectTarget = {
    kind: 'add',
    title: `stream '${name}'`,
    space: scope.space.name,
    runtime: scope.runtime,
    layout: () => ({
      keys: all,
      plan: [declared ? limits : firstLimits],
      once: !declared,
    }),
    cost: tagging ? TAGGED_ADD_COST : ADD_COST,
    used: added,
    made: setDeclared,
    safety,
    shapes: new WeakMap(),
  }

  function setDeclared(): void {
    if (declared) return
    declared = true
    onDeclared()
  }

  function append(json: string, trace: string, due: string): Promise<string | null> {
    return declared ? appendNext(route, json, trace, due) : declareFirst(appendFirst(route, json, trace, due))
  }

  function declareFirst(adding: Promise<string | null>): Promise<string | null> {
    return adding.then((answer) => {
      if (answer !== null && !answer.startsWith('=')) setDeclared()
      return answer
    })
  }

  function appendOnce(dedupId: string, json: string, { trace, due }: AddTerms): Promise<string | null> {
    const item = [route, keys.addedId(name, dedupId), json, trace, due, dedupMs] as const
    return declared ? appendNextOnce(...item) : declareFirst(appendFirstOnce(...item))
  }

  function appendUnfinished(dedupId: string, json: string, { trace, due }: AddTerms): Promise<string | null> {
    const term = uniqueTerm(dedupId)
    const kept = [keys.results(name, only), keys.resultsDue(name, only)] as const
    const item = [route, ...kept, term, json, trace, withTerm(due, term), dedupMs] as const
    return declared ? appendNextUnfinished(...item) : declareFirst(appendFirstUnfinished(...item))
  }

  function appendPriority(
    priority: 'h' | 'l',
    dedupId: string | undefined,
    json: string,
    { trace, due }: AddTerms,
  ): Promise<string | null> {
    const unique = untilFinished && dedupId !== undefined ? uniqueTerm(dedupId) : ''
    const dedupKey = dedupId === undefined || unique !== '' ? stream : keys.addedId(name, dedupId)
    const withUnique = unique === '' ? due : withTerm(due, unique)
    const windowMs = dedupId === undefined ? 0 : dedupMs
    const item = [route, dedupKey, json, trace, withUnique, unique, windowMs, priority] as const
    return declared ? appendNextPriority(...item) : declareFirst(appendFirstPriority(...item))
  }

  function appendLatest(dedupId: string, json: string, { trace, due }: AddTerms): Promise<string | null> {
    const item = [route, keys.latest(name, dedupId), json, trace, due] as const
    return declared ? appendNextLatest(...item) : declareFirst(appendFirstLatest(...item))
  }

  function appendBy(dedupId: string | undefined, json: string, terms: AddTerms): Promise<string | null> {
    if (terms.replace) {
      if (dedupId !== undefined) return appendLatest(dedupId, json, terms)
      return Promise.reject(invalid('replace', true, 'give an id too: it says which entry to replace'))
    }
    if (terms.priority) return appendPriority(terms.priority, dedupId, json, terms)
    if (untilFinished && dedupId !== undefined) return appendUnfinished(dedupId, json, terms)
    return dedupId === undefined ? append(json, terms.trace, terms.due) : appendOnce(dedupId, json, terms)
  }

  /** Adds the entry once. Undefined when the stream is full. */
  async function tryOnce(
    json: string,
    dedupId: string | undefined,
    terms: AddTerms,
  ): Promise<string | undefined> {
    const answer = await appendBy(dedupId, json, terms)
    if (answer === null) {
      if (topic.observed) topic.emit({ kind: 'full', ...identity })
      return undefined
    }
    const known = answer.startsWith('=')
    const id = known ? answer.slice(1) : answer
    if (topic.observed) topic.emit({ kind: known ? 'duplicate' : 'added', ...identity, id })
    return id
  }

  async function addJson(json: string, dedupId: string | undefined, terms: AddTerms): Promise<string> {
    terms.signal?.throwIfAborted()
    const id = terms.wait && roomQueue.size > 0 ? undefined : await tryOnce(json, dedupId, terms)
    if (id === undefined && terms.wait) {
      return roomQueue.wait(() => tryOnce(json, dedupId, terms), terms.signal)
    }
    if (id === undefined) {
      throw new PenknifeError(
        'PENKNIFE_FULL',
        `${title} has reached its maxBacklog: add later, or give whenFull: 'wait' to wait for room`,
      )
    }
    return id
  }

  function withKey(
    terms: AddTerms,
    payload: T,
    key: unknown,
    priority: StreamAddOptions['priority'],
  ): AddTerms {
    if (!order && key === undefined) return terms
    const fix = 'leave it out: order by key decides which entry of a key is next'
    if (order && priority !== undefined && priority !== 'normal') throw invalid('priority', priority, fix)
    if (order && terms.replace) throw invalid('replace', true, fix)
    return { ...terms, due: dueWithKey(order, terms.due, payload, key) }
  }

  /** The JSON of a payload with its tags behind it. */
  function checked(payload: T): string | Promise<string> {
    const json = checkPayload(schema, payload, LARGEST_PAYLOAD)
    return tagging ? withTags(tagging, json, payload) : json
  }

  function addOne(
    payload: T,
    options: StreamAddOptions | undefined,
    ambient: AmbientTrace | undefined,
  ): Promise<string> {
    try {
      added()
      if (options === undefined && ambient === undefined && !order) {
        const json = checked(payload)
        // The usual case returns the promise of the script call itself, which is faster.
        if (typeof json === 'string' && !limited && !topic.observed)
          return append(json, '', '') as Promise<string>
        return typeof json === 'string'
          ? addJson(json, undefined, DEFAULT_TERMS)
          : json.then((text) => addJson(text, undefined, DEFAULT_TERMS))
      }
      const terms = withKey(
        addTerms('add', options === undefined ? {} : options, ambient, scope.onlyGroup),
        payload,
        options?.key,
        options?.priority,
      )
      const dedupId = options?.id === undefined ? undefined : checkDedupId(options.id)
      const json = checked(payload)
      return typeof json === 'string'
        ? addJson(json, dedupId, terms)
        : json.then((text) => addJson(text, dedupId, terms))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async function addAll(
    payloads: readonly T[],
    options: StreamAddManyOptions<T>,
    ambient: AmbientTrace | undefined,
  ): Promise<readonly string[]> {
    if (!Array.isArray(payloads)) throw invalid('payloads', payloads, 'give a list of payloads')
    const terms = addTerms('addMany', options, ambient, scope.onlyGroup)
    const idOf = options.id
    if (idOf !== undefined && typeof idOf !== 'function') {
      throw invalid('id', idOf, 'give a function that returns the dedup id of a payload')
    }
    const keyOf = options.key
    if (keyOf !== undefined && typeof keyOf !== 'function') {
      throw invalid('key', keyOf, 'give a function that returns the key of a payload')
    }
    added()
    // Everything is checked before anything is sent.
    const texts: string[] = []
    const dedupIds: string[] = []
    /** With keys the terms of each payload. */
    const termsOf: AddTerms[] = []
    for (const [at, payload] of (payloads as readonly T[]).entries()) {
      const json = checked(payload)
      texts.push(typeof json === 'string' ? json : await json)
      if (idOf) dedupIds.push(checkDedupId(idOf(payload, at)))
      if (order || keyOf) termsOf.push(withKey(terms, payload, keyOf?.(payload, at), options.priority))
    }
    const plain = !idOf && !limited && !topic.observed && !terms.priority && !terms.replace
    const ids: string[] = []
    for (let from = 0; from < texts.length;) {
      const sent: Promise<string>[] = []
      for (let length = 0; from < texts.length && sent.length < MANY && length < MANY_LENGTH; from++) {
        const json = texts[from] as string
        const own = termsOf[from] ?? terms
        length += json.length
        sent.push(
          plain ? (append(json, own.trace, own.due) as Promise<string>) : addJson(json, dedupIds[from], own),
        )
      }
      await collect(sent, ids, texts.length)
    }
    return ids
  }

  const adder: Adder<T> = {
    add: (payload, options) =>
      traces.observed
        ? traces.follow(options, undefined, (ambient) => addOne(payload, options, ambient))
        : addOne(payload, options, ambientTrace),
    async addMany(payloads, options = {}) {
      if (!traces.observed || !Array.isArray(payloads)) return addAll(payloads, options, ambientTrace)
      return traces.follow(options, payloads.length, (ambient) => addAll(payloads, options, ambient))
    },
    adding(payload, options) {
      if (options !== undefined) checkOptions('adding', options, ADDING)
      const ambient = traces.create(options)
      const usual = options === undefined && ambient === undefined && !order
      const { trace, due } = usual
        ? DEFAULT_TERMS
        : withKey(
            addTerms('adding', options ?? {}, ambient, scope.onlyGroup),
            payload,
            options?.key,
            undefined,
          )
      const json = checked(payload)
      const lean = trace === '' && due === ''
      const end = lean ? END : END + trace + END + due + END
      const texts = typeof json === 'string' ? json + end : json.then((text) => text + end)
      // A refused payload fails the call that makes the change.
      if (typeof texts !== 'string') texts.catch(() => {})
      return new Effect({ target, texts, full: lean ? withoutTerms : undefined, read: readAdded })
    },
  }

  return {
    adder,
    createWriter: createBatchWriters(scope, settings, all, {
      added,
      isDeclared: () => declared,
      declared: setDeclared,
    }),
  }

  function readAdded(id: string): string {
    if (topic.observed) topic.emit({ kind: 'added', ...identity, id })
    return id
  }
}

/** The texts of an effect without traceparent and due time, in the full form. */
function withoutTerms(payload: string): string {
  return payload + END + END
}

/** Appends the ids of successful adds to `ids`. If an add failed, throws after all adds have ended. */
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
