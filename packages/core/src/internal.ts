/** Internals for penknife's own packages and plugins. They may change in any version. */
export { disown, isPromiseLike, reportFault, runSafely } from './callbacks.ts'
export { closeDeadlineMs } from './closing.ts'
export { durationMs } from './duration.ts'
export { invalid } from './errors.ts'
export {
  createRequestClaims,
  type RequestClaim,
  type RequestClaims,
  type RequestState,
} from './guard/requests.ts'
export { isSubject } from './limiter/subjects.ts'
export { checkChannel } from './notifier/checks.ts'
export { isPosition } from './notifier/position.ts'
export { type AdmittedSubscription, coverWith } from './notifier/rights/admission.ts'
export { toJson } from './json.ts'
export { checkName, checkOptions, wholeNumber } from './options.ts'
export { atMost } from './redis/endings.ts'
export { type DecodedKey, decodeKey } from './redis/key-layout.ts'
export { type BatchWriter, batchWriterOf, type BatchWritten, MOST_IN_BATCH } from './stream/batch-writer.ts'
export { cut, errorText, printable } from './text.ts'
export { warn, type WarningCode } from './warn.ts'
