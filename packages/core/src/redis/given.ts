import { invalid } from '../errors.ts'
import { isPromiseLike } from '../callbacks.ts'
import type { Connection } from './connections.ts'

const FIX = 'give an ioredis connection: connect(new Redis())'

/**
 * What `connect` was given, as an ioredis connection.
 *
 * @throws PENKNIFE_INVALID for anything else, with what it seems to be and what to give instead.
 */
export function checkConnection(given: unknown): Connection {
  if (!isObject(given)) throw invalid('redis', given, fixFor(given))
  const { duplicate, status, options, ssubscribe } = given
  const isIoredis = typeof duplicate === 'function' && typeof status === 'string' && isObject(options)
  if (!isIoredis) throw invalid('redis', given, fixFor(given))
  if (typeof ssubscribe !== 'function') {
    throw invalid('redis', given, 'it seems to be of an old ioredis: penknife needs ioredis 5.8 or newer')
  }
  return given as unknown as Connection
}

/** What to give instead of something that is no ioredis connection. */
function fixFor(given: unknown): string {
  if (typeof given === 'string') return `it is a text; if it is a URL: connect(new Redis(url))`
  if (typeof given === 'function') return `it is a class or a function; ${FIX}`
  if (!isObject(given)) return FIX
  if (isPromiseLike(given)) return 'it is a promise: await it first'
  if (typeof given['space'] === 'function') return 'it is a penknife already: use it as it is'
  if (typeof given['isOpen'] === 'boolean') {
    return "it seems to be a client of node-redis (the package 'redis'); penknife needs one of ioredis: connect(new Redis())"
  }
  if (typeof given['customCommand'] === 'function') {
    return 'it seems to be a client of Valkey GLIDE; penknife needs one of ioredis: connect(new Redis())'
  }
  if (typeof given['isPipeline'] === 'boolean') return `it is a pipeline of ioredis; ${FIX}`
  const made = Object.getPrototypeOf(given) as { constructor?: { name?: unknown } } | null
  if (made === null || made === Object.prototype) return `if these are options: connect(new Redis(options))`
  const name = made.constructor?.name
  return typeof name === 'string' && name !== '' ? `it is a ${name}; ${FIX}` : FIX
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
