import { disown, isPromiseLike } from './callbacks.ts'
import { quoted } from './text.ts'

/**
 * Every error code of penknife, with its meaning.
 *
 * docs/errors.md explains them at length. A test compares the two.
 */
export const ERROR_CODES = {
  PENKNIFE_INVALID: 'An option or an argument is wrong; nothing was done.',
  PENKNIFE_TIMEOUT: 'Redis did not answer within the deadline.',
  PENKNIFE_UNAVAILABLE: 'Redis cannot be reached, or cannot serve the call now; nothing was done.',
  PENKNIFE_OVERLOADED: 'Too many calls are waiting for Redis; this one was not sent.',
  PENKNIFE_FATE_UNKNOWN:
    'The connection broke after the call was sent; the call may or may not have been carried out.',
  PENKNIFE_NOT_DURABLE:
    'Redis carried out the call, but not enough replicas or disks confirmed it; it may be lost.',
  PENKNIFE_IN_USE: 'Workers still process the entries that the call was to delete; nothing was done.',
  PENKNIFE_REJECTED: 'Redis refused the call, or a script failed in Redis; see the fate.',
  PENKNIFE_BAD_REPLY: 'The reply of Redis cannot be read; the call may have been carried out.',
  PENKNIFE_FULL:
    'The stream has reached its maxBacklog or has too many schedules, or the limiter has too many blocks; nothing was added.',
  PENKNIFE_LEASE_LOST: 'A lease has expired or was lost; another process may have it now.',
  PENKNIFE_CLOSED: 'The connection was closed by the application.',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/** The codes of outages: Redis is away or overloaded, and the caller did nothing wrong. */
const OUTAGES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'PENKNIFE_TIMEOUT',
  'PENKNIFE_UNAVAILABLE',
  'PENKNIFE_OVERLOADED',
  'PENKNIFE_FATE_UNKNOWN',
  'PENKNIFE_NOT_DURABLE',
])

/** Whether an error is a PenknifeError whose `outage` is true. */
export function isOutage(error: unknown): boolean {
  return error instanceof PenknifeError && error.outage
}

/** Whether a failed call was carried out: certainly not (`not-done`), or it may have been (`unknown`). */
export type Fate = 'not-done' | 'unknown'

export interface PenknifeErrorOptions {
  readonly cause?: unknown
  readonly fate?: Fate | undefined
  /** The name of the wrong option or argument. */
  readonly option?: string | undefined
}

/** The only error class of penknife. Distinguish errors by `code`. */
export class PenknifeError extends Error {
  override readonly name: string = 'PenknifeError'
  readonly code: ErrorCode
  /** `unknown` when the call may have been carried out. */
  readonly fate: Fate
  /** The name of the wrong option or argument, for PENKNIFE_INVALID. */
  readonly option: string | undefined

  constructor(
    code: ErrorCode,
    message: string,
    { cause, fate = 'not-done', option }: PenknifeErrorOptions = {},
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.fate = fate
    this.option = option
  }

  /** Whether Redis could not answer: it is away, slow or overloaded, and the caller did nothing wrong. */
  get outage(): boolean {
    return OUTAGES.has(this.code)
  }
}

/**
 * Creates the error for a wrong option or argument: its name, the value, and how to fix it. A refused promise may reject later: that does not
 * end the process.
 */
export function invalid(option: string, value: unknown, fix: string): PenknifeError {
  disown(value)
  return new PenknifeError('PENKNIFE_INVALID', `${option} is ${show(value)}: ${fix}`, { option })
}

function show(value: unknown): string {
  if (typeof value === 'string') {
    return value.length > 60 ? `${quoted(value, 60)}… (${value.length} characters)` : quoted(value, 60)
  }
  if (isPromiseLike(value)) return 'a promise'
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  if (typeof value === 'function') return 'a function'
  return String(value)
}
