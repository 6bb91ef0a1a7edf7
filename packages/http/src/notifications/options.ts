import type { AnyNotifier, Duration, Presence } from '@penknife/core'
import { checkChannel, checkName, checkOptions, durationMs, invalid } from '@penknife/core/internal'

import type { Exchange } from '../exchange/exchange.ts'
import { checkClients } from './clients/clients.ts'
import type { NotificationClients } from './clients/types.ts'
import { fitsCursor, MAX_CURSOR } from './session/cursor.ts'
import type { NotificationFormat } from './sse/format.ts'
import { checkViews, type NotificationViews } from './views/with-views.ts'

/** @typeParam Context what the framework gives its middlewares: `exchange.context` in the callbacks */
export interface NotificationsOptions<Context = unknown> {
  /**
   * The channels that a client follows: the same for all, or a function of the request. A wrong channel name is answered with
   * 400. A result that is not a list of text is an error (PENKNIFE_INVALID).
   */
  readonly channels:
    | readonly string[]
    | ((exchange: Exchange<Context>) => readonly string[] | Promise<readonly string[]>)
  /**
   * Whether this client may follow these channels, or which of them: the client gets `revoked` for the others. It is called at
   * each connect, also when a client resumes. Only `true` and a list of channels allow any. `false` and an empty list are
   * answered with 403. So is any other value, which is reported once. Default: all clients may follow all channels.
   */
  readonly authorize?:
    | ((
        exchange: Exchange<Context>,
        channels: readonly string[],
      ) => boolean | readonly string[] | Promise<boolean | readonly string[]>)
    | undefined
  /**
   * The user of a connection, 1 to 256 characters: for `notifier.revoke(user, channels)` and `perUser`. Neither reaches a
   * connection without a user (undefined). Another result is an error (PENKNIFE_INVALID). Default: no user.
   */
  readonly user?:
    | ((exchange: Exchange<Context>) => string | undefined | Promise<string | undefined>)
    | undefined
  /**
   * Loads the state of a channel, for a client that begins there without a position, and when history was lost. The client
   * gets `state` before every event after it, without a gap. It is called once the position is known, and once for all
   * clients of a channel that lose history together: its result must be the same for all clients of the channel.
   * Default: clients begin with the next event, and get a `reset` when history was lost.
   */
  readonly getState?: ((channel: string) => unknown) | undefined
  /**
   * Where a client without a position begins: with the next event, or with the oldest that is stored. 'oldest' suits channels
   * whose events have `coalesce`, which are the latest values. Not with `getState`. Default: 'next'.
   */
  readonly start?: 'next' | 'oldest' | undefined
  /**
   * The types of events that a client gets: the same for all, or a function of the request; undefined for all types. A wrong
   * type is answered with 400. Clients of one list of types do not share their texts. Default: all types.
   */
  readonly types?:
    | readonly string[]
    | ((
        exchange: Exchange<Context>,
      ) => readonly string[] | undefined | Promise<readonly string[] | undefined>)
    | undefined
  /**
   * How events look on the wire: 'envelope' is `{"channel":…,"data":…}`; 'raw' is the data alone, text as it is and anything
   * else as JSON; or a function that returns the fields of the server-sent event. It is called for messages and states, once
   * for all clients. If it fails, that is reported once, and the client gets a `reset`. @penknife/client needs the envelope.
   * Default: 'envelope'.
   */
  readonly format?: NotificationFormat | undefined
  /** Lists the clients: made by createNotificationClients. Default: none. */
  readonly clients?: NotificationClients | undefined
  /**
   * Makes the user of each connection a member of its channels, as long as it is connected: made by createPresence. Needs `user`.
   * Default: none.
   */
  readonly presence?: Pick<Presence, 'join'> | undefined
  /**
   * Live views as channels: an object of channels and views made by `live`, or a function of the channel. A client gets `state`, and then
   * events of the type `change`. Default: none.
   */
  readonly views?: NotificationViews | undefined
  /** The most connections of a user on all servers, 1 to 100. The oldest is closed. Default: no limit. */
  readonly perUser?: number | undefined
  /**
   * How long a client waits before it reconnects, plus or minus up to half of it at random. `false`: each client uses its own
   * time. Default: 2 s.
   */
  readonly retry?: Duration | false | undefined
  /** How often an idle client gets a comment, so that proxies keep the connection. `false`: never. Default: 15 s. */
  readonly heartbeat?: Duration | false | undefined
  /** A client that reads nothing for this long, although it has unsent bytes, is disconnected. Default: 30 s. */
  readonly stall?: Duration | undefined
}

const OPTIONS = [
  'channels',
  'authorize',
  'user',
  'perUser',
  'getState',
  'start',
  'types',
  'format',
  'clients',
  'presence',
  'views',
  'retry',
  'heartbeat',
  'stall',
] as const

/** The durations of the options in milliseconds. Undefined: switched off. */
export interface Times {
  readonly retryMs: number | undefined
  readonly heartbeatMs: number | undefined
  readonly stallMs: number
}

const LONGEST = { max: 3_600_000 }
const MOST_TYPES = 100

export function timesOf({
  retry = '2s',
  heartbeat = '15s',
  stall = '30s',
}: Pick<NotificationsOptions, 'retry' | 'heartbeat' | 'stall'>): Times {
  return {
    retryMs: unlessOff('retry', retry),
    heartbeatMs: unlessOff('heartbeat', heartbeat),
    stallMs: durationMs('notifications stall', stall, LONGEST),
  }
}

function unlessOff(option: string, value: Duration | false): number | undefined {
  if (value === false) return undefined
  const name = `notifications ${option}`
  if (value === 0) throw invalid(name, value, 'give false to switch it off, or a duration from 1ms to 1h')
  return durationMs(name, value, LONGEST)
}

/** Checks the option `types`. */
export function checkTypes(name: string, types: unknown): void {
  if (types === undefined || typeof types === 'function') return
  if (!Array.isArray(types) || types.length === 0 || types.length > MOST_TYPES) {
    throw invalid(`${name} types`, types, `give a list of 1 to ${MOST_TYPES} types, or a function`)
  }
  for (const type of types) checkName(`${name} types`, type)
}

/** Checks the option `presence`. */
export function checkPresence(name: string, presence: Partial<Presence> | undefined, user: unknown): void {
  if (presence === undefined) return
  if (typeof presence?.join !== 'function')
    throw invalid(`${name} presence`, presence, 'give what createPresence returned')
  if (user === undefined) throw invalid(`${name} presence`, presence, 'give a user function as well')
}

export function checkNotifications(notifier: AnyNotifier, options: NotificationsOptions): void {
  if (typeof notifier?.subscribe !== 'function') {
    throw invalid('notifications notifier', notifier, 'give a notifier made by createNotifier')
  }
  checkOptions('notifications', options, OPTIONS)
  const { channels, authorize, user, perUser, types, clients, presence } = options
  checkTypes('notifications', types)
  checkClients('notifications', clients)
  if (typeof channels !== 'function' && !(Array.isArray(channels) && channels.length > 0)) {
    throw invalid('notifications channels', channels, 'give a list of at least one channel, or a function')
  }
  if (typeof channels !== 'function') {
    for (const channel of channels) checkChannel(channel, 'notifications channels')
    if (!fitsCursor(channels)) {
      const fix = `give fewer or shorter names (${MAX_CURSOR} characters in all)`
      throw invalid('notifications channels', channels, fix)
    }
  }
  if (authorize !== undefined && typeof authorize !== 'function') {
    throw invalid('notifications authorize', authorize, 'give a function of the exchange and its channels')
  }
  if (user !== undefined && typeof user !== 'function') {
    throw invalid(
      'notifications user',
      user,
      "give a function of the exchange that names the connection's user",
    )
  }
  checkPresence('notifications', presence, user)
  checkViews('notifications', options.views)
  if (perUser === undefined) return
  if (!Number.isInteger(perUser) || perUser < 1 || perUser > 100) {
    throw invalid('notifications perUser', perUser, 'give a whole number from 1 to 100')
  }
  if (user === undefined) throw invalid('notifications perUser', perUser, 'give a user function as well')
}
