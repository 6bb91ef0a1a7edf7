import type { BlockList } from 'node:net'

import { invalid } from '@penknife/core/internal'

import type { Exchange } from '../exchange/exchange.ts'
import { isListed, parseList } from '../ip.ts'

type List = readonly string[] | BlockList | ((exchange: Exchange) => unknown)

/** Makes the check of an allow or deny list: of addresses, or a function of the application. Undefined without a list. */
export function listOf(
  option: string,
  list: List | undefined,
): ((exchange: Exchange, ip: string | undefined) => unknown) | undefined {
  if (list === undefined || typeof list === 'function') return list
  const parsed = parseList(option, list)
  return (_exchange, ip) => isListed(parsed, ip)
}

/** Whether a deny list denies. A value that decides nothing is an error, so that the protection stays on. */
export function mustDecide(option: string, answer: unknown): boolean {
  if (typeof answer === 'boolean') return answer
  throw invalid(`the answer of ${option}`, answer, 'return true or false')
}
