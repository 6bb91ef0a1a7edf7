/** Internals for penknife's own packages and plugins. They may change in any version. */
export { isPromiseLike, reportFault, runSafely } from './callbacks.ts'
export { durationMs } from './duration.ts'
export { invalid } from './errors.ts'
export { isSubject } from './limiter/subjects.ts'
export { checkChannel } from './notifier/checks.ts'
export { isPosition } from './notifier/position.ts'
export { checkOptions, wholeNumber } from './options.ts'
export { cut, errorText, printable } from './text.ts'
