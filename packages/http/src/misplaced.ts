import { PenknifeError } from '@penknife/core'

/**
 * The error of a middleware that was called in another way than its framework does, mostly because it is used in another
 * framework. It is thrown, not a rejection, because some frameworks ignore rejections.
 */
export function misplaced(adapter: string, expected: string): PenknifeError {
  return new PenknifeError(
    'PENKNIFE_INVALID',
    `a middleware of ${adapter} was not called with ${expected}: use @penknife/express in Express, @penknife/koa in ` +
      'Koa, and @penknife/http for plain node:http, which has no next',
  )
}
