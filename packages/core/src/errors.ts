import { quoted } from './text.ts'

/**
 * Every code an error of penknife can carry, with what it means.
 *
 * docs/errors.md says the same at length; a test holds the two together.
 */
export const ERROR_CODES = {
  PENKNIFE_INVALID: 'An option or an argument is wrong; nothing was done.',
  PENKNIFE_TIMEOUT: 'Redis did not answer within the deadline.',
  PENKNIFE_UNAVAILABLE: 'Redis cannot be reached, or cannot serve the call now; nothing was done.',
  PENKNIFE_OVERLOADED: 'Too many calls are waiting for Redis; this one was not sent.',
  PENKNIFE_FATE_UNKNOWN:
    'The connection broke after the call was sent; it may or may not have been carried out.',
  PENKNIFE_NOT_DURABLE:
    'Redis carried out the call, but it was not confirmed where it was to be safe; it may be lost.',
  PENKNIFE_IN_USE: 'Workers are still at what was to be dropped; nothing was done.',
  PENKNIFE_REJECTED: 'Redis refused the call, or a script failed in Redis; see the fate.',
  PENKNIFE_BAD_REPLY: 'What Redis replied cannot be read; the call may have been carried out.',
  PENKNIFE_FULL: 'The stream has reached its maxBacklog; nothing was added.',
  PENKNIFE_LEASE_LOST: 'What was held for a time is not held any more; somebody else may have it.',
  PENKNIFE_CLOSED: 'The connection was closed by the application.',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/** The codes that mean: Redis is away or overloaded, not the caller wrong. */
const OUTAGES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'PENKNIFE_TIMEOUT',
  'PENKNIFE_UNAVAILABLE',
  'PENKNIFE_OVERLOADED',
  'PENKNIFE_FATE_UNKNOWN',
  'PENKNIFE_NOT_DURABLE',
])

/** Whether an error is a PenknifeError of an outage. */
export function isOutage(error: unknown): boolean {
  return error instanceof PenknifeError && error.outage
}

/** Whether a failed call was carried out: certainly not, or that is unknown. */
export type Fate = 'not-done' | 'unknown'

export interface PenknifeErrorOptions {
  readonly cause?: unknown
  readonly fate?: Fate
  /** The option or argument at fault. */
  readonly option?: string
}

/** The one error class of penknife: look at `code`. */
export class PenknifeError extends Error {
  override readonly name: string = 'PenknifeError'
  readonly code: ErrorCode
  /** `unknown` when the call may have been carried out. */
  readonly fate: Fate
  /** The option or argument at fault, for PENKNIFE_INVALID. */
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

/** The error for a wrong option or argument: it names it, shows the value and says what to give instead. */
export function invalid(option: string, value: unknown, fix: string): PenknifeError {
  return new PenknifeError('PENKNIFE_INVALID', `${option} is ${show(value)}: ${fix}`, { option })
}

function show(value: unknown): string {
  if (typeof value === 'string') {
    return value.length > 60 ? `${quoted(value, 60)}… (${value.length} characters)` : quoted(value, 60)
  }
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  if (typeof value === 'function') return 'a function'
  return String(value)
}
