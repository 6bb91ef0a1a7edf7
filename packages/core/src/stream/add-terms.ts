import { wholeMs } from './settings.ts'
import { disown, reportFault } from '../callbacks.ts'
import { invalid } from '../errors.ts'
import { checkOptions } from '../options.ts'
import { isWellFormed } from '../text.ts'
import type { StreamAddOptions } from './types.ts'

/** The longest dedup key, in characters. */
const LONGEST_KEY = 512

/** The options of an add, checked: as the scripts take them, and whether to wait for room. */
export interface AddTerms {
  readonly trace: string
  readonly due: string
  readonly windowMs: number
  readonly wait: boolean
  readonly signal: AbortSignal | undefined
}

export const DEFAULT_TERMS: AddTerms = { trace: '', due: '', windowMs: 0, wait: false, signal: undefined }

const KNOWN = ['key', 'window', 'delay', 'at', 'traceparent', 'whenFull', 'signal']

/** Checks the options of `add` or `addMany`, which `where` names, but for the key. */
export function addTerms(
  where: string,
  options: Omit<StreamAddOptions, 'key'>,
  ambientTrace: () => string | undefined,
): AddTerms {
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

export function checkKey(key: string): string {
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

/**
 * Asks the application's function for the traceparent of the work under way. Its fault costs the trace and not the entry,
 * and is reported once.
 */
export function createAmbientTrace(
  stream: string,
  traceparent: (() => string | undefined) | undefined,
): () => string | undefined {
  let reported = false
  return () => {
    try {
      const trace: unknown = traceparent?.()
      if (trace === undefined || typeof trace === 'string') return trace
      disown(trace)
      throw new TypeError('it answers no text; give a plain function, not an async one')
    } catch (error) {
      if (!reported) reportFault(`the traceparent function of ${stream} failed`, error)
      reported = true
      return undefined
    }
  }
}
