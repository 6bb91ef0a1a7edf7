import { disown, reportFault } from '../callbacks.ts'
import { invalid } from '../errors.ts'
import { checkOptions } from '../options.ts'
import { isWellFormed } from '../text.ts'
import type { StreamAddOptions } from './option-types.ts'
import { encodeOwnTerms } from './own-terms.ts'
import type { Scope } from './scope.ts'
import { checkAttempts, checkTimeout, wholeMs } from './settings.ts'
import { checkedTraceparent } from '../traceparent.ts'

/** The longest dedup id, in characters. */
const LONGEST_ID = 512
/** The latest time of an entry. Workers and scripts read a time of at most 15 digits; longer ones are those of other programs. */
const LATEST_MS = 999_999_999_999_999

/** The options of an add, checked: as the scripts take them, and whether to wait for room. */
export interface AddTerms {
  readonly trace: string
  readonly due: string
  /** Unless it is normal: as lua/stream/add_priority.lua takes it. */
  readonly priority: 'h' | 'l' | undefined
  /** Whether it replaces the entry of its dedup id that still waits for its time. */
  readonly replace: boolean
  readonly wait: boolean
  readonly signal: AbortSignal | undefined
}

export const DEFAULT_TERMS: AddTerms = {
  trace: '',
  due: '',
  priority: undefined,
  replace: false,
  wait: false,
  signal: undefined,
}

const KNOWN = [
  'id',
  'key',
  'delay',
  'at',
  'attempts',
  'backoff',
  'timeout',
  'result',
  'priority',
  'replace',
  'traceparent',
  'whenFull',
  'signal',
]

/** Checks the options of `add` or `addMany`, which `where` names, except the dedup id. */
export function addTerms(
  where: string,
  options: Omit<StreamAddOptions, 'id' | 'key'>,
  ambientTrace: (() => string | undefined) | undefined,
  onlyGroup: Scope['onlyGroup'],
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
  const { priority = 'normal', replace = false } = options
  if (typeof replace !== 'boolean') throw invalid('replace', replace, 'give true or false')
  if (priority !== 'normal' && priority !== 'high' && priority !== 'low') {
    throw invalid('priority', priority, "give 'high', 'normal' or 'low'")
  }
  if (priority !== 'normal') onlyGroup('priority')
  if (replace) {
    onlyGroup('replace')
    if (later === undefined && at === undefined) {
      throw invalid(
        'replace',
        replace,
        "give a delay too, such as delay: '5s': only an entry that waits for its time is replaced",
      )
    }
  }
  const afterMs = later === undefined ? 0 : wholeMs('delay', later, 0)
  return {
    trace: checkedTraceparent(options.traceparent ?? ambientTrace?.()) ?? '',
    due:
      (at === undefined ? (afterMs > 0 || replace ? `+${afterMs}` : '') : dueTime(at)) +
      ownTermsOf(options, onlyGroup),
    priority: priority === 'normal' ? undefined : priority === 'high' ? 'h' : 'l',
    replace,
    wait: whenFull === 'wait',
    signal,
  }
}

/** The entry's own terms as the scripts take them, behind a semicolon; empty when there are none. */
function ownTermsOf(
  { attempts, backoff, timeout, result, priority }: Omit<StreamAddOptions, 'id' | 'key'>,
  onlyGroup: Scope['onlyGroup'],
): string {
  const low = priority === 'low'
  const given = [attempts, backoff, timeout, result].some((each) => each !== undefined)
  if (!given && !low) return ''
  if (result !== undefined) {
    checkOptions('result', result, ['keep'])
    onlyGroup('result')
  }
  const own = encodeOwnTerms({
    attempts: attempts === undefined ? undefined : checkAttempts('attempts', attempts),
    backoffMs: backoff === undefined ? undefined : wholeMs('backoff', backoff, 0),
    timeoutMs: timeout === undefined ? undefined : (checkTimeout(timeout) ?? 0),
    keepMs: result === undefined ? undefined : wholeMs('keep', result.keep, 1000),
    low,
  })
  return `;${own}`
}

export function checkDedupId(id: string): string {
  if (typeof id !== 'string' || id === '' || id.length > LONGEST_ID) {
    disown(id)
    throw invalid('id', id, `give 1 to ${LONGEST_ID} characters`)
  }
  if (!isWellFormed(id)) {
    throw invalid(
      'id',
      id,
      'it contains half a surrogate pair (an emoji that was cut in two); cut text between code points',
    )
  }
  return id
}

/** A time as the scripts take it, in milliseconds. */
export function dueTime(at: Date | number): string {
  const ms = at instanceof Date ? at.getTime() : at
  if (typeof ms !== 'number' || !(ms >= 0 && Math.ceil(ms) <= LATEST_MS)) {
    throw invalid('at', ms, `give a Date or milliseconds since 1970, at most ${LATEST_MS} (year 33658)`)
  }
  return String(Math.ceil(ms))
}

/**
 * Calls the application's `traceparent` function. If the function fails, the entry is added without a trace, and the first
 * failure is reported. Undefined without a function.
 */
export function createAmbientTrace(
  stream: string,
  traceparent: (() => string | undefined) | undefined,
): (() => string | undefined) | undefined {
  if (!traceparent) return undefined
  let reported = false
  return () => {
    try {
      const trace: unknown = traceparent()
      if (trace === undefined || typeof trace === 'string') return trace
      disown(trace)
      throw new TypeError('it must return a text or undefined, and must not be async')
    } catch (error) {
      if (!reported) reportFault(`the traceparent function of ${stream} failed`, error)
      reported = true
      return undefined
    }
  }
}
