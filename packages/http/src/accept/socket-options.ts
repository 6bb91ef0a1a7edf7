import type { Duration } from '@penknife/core'
import { checkOptions, invalid } from '@penknife/core/internal'

import type { NodeContext, NodeMiddleware } from '../node.ts'
import { checkOrigins } from '../sockets/origin.ts'
import {
  type AcceptOptions,
  type AcceptStream,
  type AccessSettings,
  checkAccess,
  checkStream,
} from './options.ts'

type Shared = AcceptOptions<unknown, NodeContext>

/** Give `path`, `secret`, `user`, `authorize` and `cancel` as to `accept`: they decide the same. */
export interface AcceptSocketsOptions {
  /** As in `accept`: sockets are at `<path>/<id>`. Default: '/jobs'. */
  readonly path?: string | undefined
  /** As in `accept`: signs ids. Give `secret`, `authorize`, or both. */
  readonly secret?: string | readonly string[] | undefined
  /** As in `accept`: binds signed ids to a user. Default: any client that has the id may use it. */
  readonly user?: Shared['user'] | undefined
  /** As in `accept`: whether the client may read (at the upgrade) or cancel the entry. Default: who has a signed id may. */
  readonly authorize?: Shared['authorize'] | undefined
  /** Whether clients may cancel. Default: true. */
  readonly cancel?: boolean | undefined
  /** The most sockets at once of this middleware; further ones get 503. 1 to 1,000,000. Default: 10,000. */
  readonly maxStreams?: number | undefined
  /** How often a client gets a ping. One that did not answer three of them is disconnected. 1 s to 1 h. Default: '15s'. */
  readonly heartbeat?: Duration | undefined
  /**
   * The origins of pages that may connect, such as 'https://shop.example'. '*': all. Default: pages of the host to which the
   * request was sent (its `Host` header). Programs that send no origin may always connect.
   */
  readonly origins?: readonly string[] | '*' | undefined
  /** Runs before the upgrade, and may answer instead: `rateLimit(limiter)` of this package. Default: nothing. */
  readonly before?: NodeMiddleware | undefined
}

const NAME = 'acceptSockets'
const OPTIONS: readonly (keyof AcceptSocketsOptions)[] = [
  'path',
  'secret',
  'user',
  'authorize',
  'cancel',
  'maxStreams',
  'heartbeat',
  'origins',
  'before',
]

export function checkAcceptSockets(stream: AcceptStream, options: AcceptSocketsOptions): AccessSettings {
  checkStream(NAME, stream)
  checkOptions(NAME, options, OPTIONS)
  const { origins, before } = options
  checkOrigins(NAME, origins)
  if (before !== undefined && typeof before !== 'function') {
    throw invalid(`${NAME} before`, before, 'give a middleware of @penknife/http')
  }
  return checkAccess(NAME, options as AcceptOptions)
}
