import { PenknifeError } from '@penknife/core'

/**
 * The error of a middleware that was not called as its framework calls one, most often because it is used in another
 * framework. Thrown at once, not as a rejection, which some frameworks do not look at.
 */
export function misplaced(adapter: string, expected: string): PenknifeError {
  return new PenknifeError(
    'PENKNIFE_INVALID',
    `a middleware of ${adapter} was not called with ${expected}: use @penknife/express in Express, @penknife/koa in ` +
      'Koa, and @penknife/http for plain node:http, where nothing calls next',
  )
}
