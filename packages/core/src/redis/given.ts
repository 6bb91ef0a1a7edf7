import { invalid } from '../errors.ts'
import { isPromiseLike } from '../callbacks.ts'
import type { Driver } from './driver.ts'
import { createIoredisDriver } from './ioredis/driver.ts'
import type { Connection } from './ioredis/line.ts'
import type { Roster } from './roster.ts'

/** What `connect` takes: the application's own ioredis connection, used as the pattern for penknife's. */
export type { Connection }

/**
 * The driver for what `connect` was given.
 *
 * @throws PENKNIFE_INVALID for anything else, with what it seems to be and what to give instead.
 */
export function driverOf(given: unknown, roster: Roster): Driver {
  if (isIoredis(given)) return createIoredisDriver(given, roster)
  const what = whatIs(given)
  throw invalid('redis', given, `give an ioredis connection: connect(new Redis())${what && `; this ${what}`}`)
}

function isIoredis(given: unknown): given is Connection {
  if (!isObject(given)) return false
  const { duplicate, status, options, ssubscribe } = given
  return [duplicate, ssubscribe].every(isFunction) && typeof status === 'string' && isObject(options)
}

/** What something seems to be that is no ioredis connection; empty when nobody could tell better than its value. */
function whatIs(given: unknown): string {
  if (typeof given === 'string') return 'is a text; for a URL: connect(new Redis(url))'
  if (typeof given === 'function') return 'is a class or a function'
  if (!isObject(given)) return ''
  if (isPromiseLike(given)) return 'is a promise: await it first'
  if (isFunction(given['space'])) return 'is a penknife already: use it as it is'
  if (typeof given['isOpen'] === 'boolean') return "seems to be a client of node-redis (the package 'redis')"
  if (isFunction(given['customCommand'])) return 'seems to be a client of Valkey GLIDE'
  if (typeof given['isPipeline'] === 'boolean') return 'is a pipeline of ioredis'
  if (isFunction(given['duplicate']) && typeof given['status'] === 'string') {
    return 'seems to be of an old ioredis: penknife needs ioredis 5.8 or newer'
  }
  const made = Object.getPrototypeOf(given) as { constructor?: { name?: unknown } } | null
  if (made === null || made === Object.prototype) return 'may be options: connect(new Redis(options))'
  const name = made.constructor?.name
  return typeof name === 'string' && name !== '' ? `is a ${name}` : ''
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
