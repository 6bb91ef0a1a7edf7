import { invalid } from '../errors.ts'

/** Checks an option that is true or false; false by default. */
export function checkFlag(what: string, value: boolean | undefined = false): boolean {
  if (typeof value !== 'boolean') throw invalid(what, value, 'give true or false')
  return value
}
