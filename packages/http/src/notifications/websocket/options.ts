import type { AnyNotifier, Duration, Presence } from '@penknife/core'
import { checkChannel, checkOptions, invalid, wholeNumber } from '@penknife/core/internal'

import type { Exchange } from '../../exchange/exchange.ts'
import type { NodeContext, NodeMiddleware } from '../../node.ts'
import { checkOrigins } from '../../sockets/origin.ts'
import { checkClients } from '../clients/clients.ts'
import type { NotificationClients } from '../clients/types.ts'
import { checkPresence, checkTypes } from '../options.ts'
import { checkViews, type NotificationViews } from '../views/with-views.ts'

export interface NotificationSocketsOptions {
  /**
   * Whether the client may follow the channels that it named, or which of them. Called with no channels before the upgrade,
   * where `false` refuses the connection with 403, and then with the channels of each subscription. Only `true` and a list of
   * channels allow any. Give it, or `channels`. After the upgrade nothing sends what it sets in `exchange.response`.
   */
  readonly authorize?:
    | ((
        exchange: Exchange<NodeContext>,
        channels: readonly string[],
      ) => boolean | readonly string[] | Promise<boolean | readonly string[]>)
    | undefined
  /** The only channels that clients may name. Default: any that `authorize` allows. */
  readonly channels?: readonly string[] | undefined
  /**
   * Checks the token of a client that renews its rights with an `auth` frame. After `true`, `authorize` is called again for
   * the channels that the client follows, with the same exchange. Default: a client cannot renew its rights.
   */
  readonly renew?:
    | ((exchange: Exchange<NodeContext>, token: string) => boolean | Promise<boolean>)
    | undefined
  /** The user of a connection, as in `notifications`. Default: no user. */
  readonly user?:
    | ((exchange: Exchange<NodeContext>) => string | undefined | Promise<string | undefined>)
    | undefined
  /** The most connections of a user on all servers, 1 to 100. The oldest is closed. Default: no limit. */
  readonly perUser?: number | undefined
  /** Loads the state of a channel, as in `notifications`. */
  readonly getState?: ((channel: string) => unknown) | undefined
  /** Where a client without a position begins, as in `notifications`. Default: 'next'. */
  readonly start?: 'next' | 'oldest' | undefined
  /** The types of events that a client gets, as in `notifications`. Default: all. */
  readonly types?:
    | readonly string[]
    | ((
        exchange: Exchange<NodeContext>,
      ) => readonly string[] | undefined | Promise<readonly string[] | undefined>)
    | undefined
  /** Lists the clients: made by createNotificationClients. Default: none. */
  readonly clients?: NotificationClients | undefined
  /** Makes the user of each connection a member of its channels, as in `notifications`. Default: none. */
  readonly presence?: Pick<Presence, 'join'> | undefined
  /** Live views as channels, as in `notifications`. Default: none. */
  readonly views?: NotificationViews | undefined
  /** The most channels of a connection, 1 to 1,000. Default: 100. */
  readonly mostChannels?: number | undefined
  /** The path that `attach` serves. Default: '/live'. */
  readonly path?: string | undefined
  /**
   * The origins of pages that may connect, such as 'https://shop.example'. '*': all. Default: pages of the host to which the
   * request was sent (its `Host` header). Programs that send no origin may always connect.
   */
  readonly origins?: readonly string[] | '*' | undefined
  /** Runs before the upgrade, and may answer instead: `rateLimit(limiter)` of this package. Default: nothing. */
  readonly before?: NodeMiddleware | undefined
  /** How long a client waits before it reconnects, plus or minus up to half of it at random. Default: 2 s. */
  readonly retry?: Duration | false | undefined
  /** How often a client gets a ping. One that did not answer three of them is disconnected. `false`: never. Default: 15 s. */
  readonly heartbeat?: Duration | false | undefined
  /** A client that reads nothing for this long, although it has unsent bytes, is disconnected. Default: 30 s. */
  readonly stall?: Duration | undefined
}

const OPTIONS: readonly (keyof NotificationSocketsOptions)[] = [
  'authorize',
  'channels',
  'renew',
  'user',
  'perUser',
  'getState',
  'start',
  'types',
  'clients',
  'presence',
  'views',
  'mostChannels',
  'path',
  'origins',
  'before',
  'retry',
  'heartbeat',
  'stall',
]

const FUNCTIONS = ['authorize', 'renew', 'user', 'before'] as const
const NAME = 'notificationSockets'

export function checkSockets(notifier: AnyNotifier, options: NotificationSocketsOptions): void {
  if (typeof notifier?.subscribe !== 'function') {
    throw invalid(`${NAME} notifier`, notifier, 'give a notifier made by createNotifier')
  }
  checkOptions(NAME, options, OPTIONS)
  const { authorize, channels, user, perUser, mostChannels = 100, path = '/live', origins } = options
  for (const name of FUNCTIONS) {
    if (options[name] !== undefined && typeof options[name] !== 'function')
      throw invalid(`${NAME} ${name}`, options[name], 'give a function')
  }
  if (channels !== undefined) checkChannels(channels)
  checkTypes(NAME, options.types)
  checkClients(NAME, options.clients)
  checkPresence(NAME, options.presence, user)
  checkViews(NAME, options.views)
  if (authorize === undefined && channels === undefined) {
    throw invalid(`${NAME} authorize`, authorize, 'say with authorize or channels what a client may follow')
  }
  wholeNumber(`${NAME} mostChannels`, mostChannels, 1, 1000)
  if (typeof path !== 'string' || !path.startsWith('/')) {
    throw invalid(`${NAME} path`, path, "give a path that begins with '/'")
  }
  checkOrigins(NAME, origins)
  if (perUser === undefined) return
  wholeNumber(`${NAME} perUser`, perUser, 1, 100)
  if (user === undefined) throw invalid(`${NAME} perUser`, perUser, 'give a user function as well')
}

function checkChannels(channels: readonly string[]): void {
  if (!Array.isArray(channels) || channels.length === 0) {
    throw invalid(`${NAME} channels`, channels, 'give a list of at least one channel')
  }
  for (const channel of channels) checkChannel(channel, `${NAME} channels`)
}
