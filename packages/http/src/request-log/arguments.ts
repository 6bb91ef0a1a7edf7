import type { Space } from '@penknife/core'
import { checkName, invalid } from '@penknife/core/internal'

import type {
  RequestLogOptions,
  RequestLogSpaceOptions,
  RequestStream,
  RequestStreamOptions,
} from './options.ts'
import type { RequestEvents } from './stream.ts'

/** The arguments of requestLog: a space and the name of a log in it, or a stream. */
export type RequestLogArguments =
  | [stream: RequestStream | RequestEvents, options?: RequestLogOptions]
  | [space: Space, name: string, options?: RequestLogSpaceOptions]

export interface ParsedArguments {
  /** A space has a name. */
  readonly place: RequestStream | RequestEvents | Space
  readonly name: string | undefined
  /** Of a log in a space. */
  readonly retain: RequestStreamOptions
  readonly options: RequestLogOptions
}

export function parseArguments(args: RequestLogArguments): ParsedArguments {
  const [place, ...others] = args
  if (!isSpace(place)) {
    const [options = {}] = others as [RequestLogOptions?]
    return { place, name: undefined, retain: {}, options }
  }
  const [name, given = {}] = others as [string, RequestLogSpaceOptions?]
  checkName('requestLog name', name)
  if (typeof given !== 'object' || given === null)
    throw invalid('requestLog options', given, 'give an object')
  const { retain, ...options } = given
  return { place, name, retain: retain === undefined ? {} : { retain }, options }
}

export function isSpace(place: object): place is Space {
  return typeof (place as Partial<Space> | null)?.runtime === 'object'
}
