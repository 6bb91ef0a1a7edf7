import type { Duration, Stream, StreamAddOptions } from '@penknife/core'
import { checkOptions, durationMs, invalid, wholeNumber } from '@penknife/core/internal'

import type { Answered } from '../ask.ts'
import type { Exchange } from '../exchange/exchange.ts'

/** A work queue with one group, made by `createStream`. */
export type AcceptStream<T = unknown> = Pick<
  Stream<T, unknown>,
  'name' | 'add' | 'find' | 'cancel' | 'result'
>

/** What a client wants to do with an entry. */
export type AcceptAction = 'read' | 'cancel'

/**
 * @typeParam T the payload of the stream
 * @typeParam Context what the framework gives its middlewares: `exchange.context` in the callbacks
 */
export interface AcceptOptions<T = unknown, Context = unknown> {
  /**
   * Where it answers: `POST <path>`, and `GET` and `DELETE <path>/<id>`. It is compared with the full path that the client sent, also below
   * a mount point. Default: '/jobs'.
   */
  readonly path?: string | undefined
  /**
   * Makes the payload of the entry from a request. `body` is its JSON, which may be anything; undefined without a body. Throw an
   * `HttpError` to refuse the request.
   */
  readonly payload: (exchange: Exchange<Context>, body: unknown) => Answered<T>
  /**
   * More options of the entry, such as its dedup id, key or delay. With `user` a dedup id belongs to the user, and may have any length:
   * two users that send the same id get two entries. Without `user`, every client that sends it gets the id of the first entry. Throw an
   * `HttpError` to refuse the request. Default: none.
   */
  readonly entry?:
    | ((exchange: Exchange<Context>, payload: T) => Answered<Omit<StreamAddOptions, 'result'>>)
    | undefined
  /**
   * Signs ids, so that only a client that got one can use it: 32 characters or more, the same in every process. Of a list the first signs
   * and all are accepted, to replace one. Use another secret for each stream. Give `secret`, `authorize`, or both.
   */
  readonly secret?: string | readonly string[] | undefined
  /**
   * Binds signed ids to a user: a request of another user gets 404. Undefined gets 401. Default: any client that has the id may use it, as with a
   * link that is shared.
   */
  readonly user?: ((exchange: Exchange<Context>) => Answered<string | undefined>) | undefined
  /**
   * Whether the client may read or cancel the entry; anything but `true` gets 403. Without `secret` the id is that of the entry, which a
   * stranger can guess.
   */
  readonly authorize?:
    | ((exchange: Exchange<Context>, id: string, action: AcceptAction) => Answered<boolean>)
    | undefined
  /** Whether clients may cancel. Default: true. */
  readonly cancel?: boolean | undefined
  /** How long result and output are kept after the end: from 1 s. Default: '1h'. */
  readonly keep?: Duration | undefined
  /** The longest request body in bytes; a longer one gets 413. 0 to 1,048,576. Default: 65,536. */
  readonly maxRequestBytes?: number | undefined
  /** The most event streams at once of this middleware; further ones get 503. 1 to 1,000,000. Default: 10,000. */
  readonly maxStreams?: number | undefined
  /** Time between the comments that keep idle event streams open: 1 s to 1 h. Default: '15s'. */
  readonly heartbeat?: Duration | undefined
}

const OPTIONS = [
  'path',
  'payload',
  'entry',
  'secret',
  'user',
  'authorize',
  'cancel',
  'keep',
  'maxRequestBytes',
  'maxStreams',
  'heartbeat',
] as const

/** The checked options of access and of following, with their defaults. */
export interface AccessSettings extends Pick<AcceptOptions, 'user' | 'authorize'> {
  readonly path: string
  /** Empty: ids are not signed. */
  readonly secrets: readonly string[]
  readonly cancel: boolean
  readonly maxStreams: number
  readonly heartbeatMs: number
}

/** The checked options with their defaults. */
export interface AcceptSettings extends AccessSettings, Pick<AcceptOptions, 'payload' | 'entry'> {
  readonly keep: Duration
  readonly maxRequestBytes: number
}

export function checkAccept(stream: AcceptStream, options: AcceptOptions): AcceptSettings {
  checkStream('accept', stream)
  checkOptions('accept', options, OPTIONS)
  const { payload, entry, keep = '1h' } = options
  if (typeof payload !== 'function') {
    throw invalid(
      'accept payload',
      payload,
      'give a function that checks the body and returns the payload of the entry',
    )
  }
  checkFunctions('accept', { entry })
  const access = checkAccess('accept', options)
  durationMs('accept keep', keep, { min: 1000 })
  return {
    ...access,
    payload,
    ...(entry && { entry }),
    keep,
    maxRequestBytes: wholeNumber('accept maxRequestBytes', options.maxRequestBytes ?? 65_536, 0, 1_048_576),
  }
}

export function checkStream(name: string, stream: AcceptStream): void {
  if (typeof stream?.result === 'function' && typeof stream.add === 'function') return
  throw invalid(
    `${name} stream`,
    stream,
    "give a work queue: createStream(space, 'reports', { groups: ['render'] })",
  )
}

/** Checks the options that say who may use which id, and how clients follow. */
export function checkAccess(
  name: string,
  options: Pick<
    AcceptOptions,
    'path' | 'secret' | 'user' | 'authorize' | 'cancel' | 'maxStreams' | 'heartbeat'
  >,
): AccessSettings {
  const { path = '/jobs', secret, user, authorize, cancel = true } = options
  if (typeof path !== 'string' || !/^(\/[^/?#]+)+$/.test(path)) {
    throw invalid(`${name} path`, path, "give a path such as '/reports', without a slash at its end")
  }
  checkFunctions(name, { user, authorize })
  const secrets = secretsOf(name, secret)
  if (secrets.length === 0 && !authorize) {
    throw invalid(
      `${name} secret`,
      secret,
      'decide who may read and cancel an entry: give a secret that signs ids, or authorize; ids alone can be guessed',
    )
  }
  if (user && secrets.length === 0)
    throw invalid(`${name} user`, user, 'it binds signed ids: give a secret too')
  if (typeof cancel !== 'boolean') throw invalid(`${name} cancel`, cancel, 'give true or false')
  return {
    path,
    ...(user && { user }),
    ...(authorize && { authorize }),
    secrets,
    cancel,
    maxStreams: wholeNumber(`${name} maxStreams`, options.maxStreams ?? 10_000, 1, 1_000_000),
    heartbeatMs: durationMs(`${name} heartbeat`, options.heartbeat ?? '15s', { min: 1000, max: 3_600_000 }),
  }
}

function checkFunctions(name: string, callbacks: Readonly<Record<string, unknown>>): void {
  for (const [option, value] of Object.entries(callbacks)) {
    if (value !== undefined && typeof value !== 'function') {
      throw invalid(`${name} ${option}`, value, 'give a function of the exchange')
    }
  }
}

const SHORTEST_SECRET = 32

function secretsOf(name: string, secret: unknown): readonly string[] {
  if (secret === undefined) return []
  const list: readonly unknown[] = Array.isArray(secret) ? secret : [secret]
  const isGood = (each: unknown): boolean => typeof each === 'string' && each.length >= SHORTEST_SECRET
  if (list.length > 0 && list.every(isGood)) return list as readonly string[]
  // Not the value, which would be in a log.
  throw invalid(
    `${name} secret`,
    typeof secret,
    `give text of at least ${SHORTEST_SECRET} characters, or a list of such`,
  )
}
