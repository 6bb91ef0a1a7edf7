import type { Notifier } from '@penknife/core'
import type { Exchange, Handler, NotificationsOptions } from '@penknife/http'
import { notificationsPlugin } from '@penknife/http/adapter'

const channelsOf = ({ query }: Exchange): string[] => query.getAll('channel')

/** A handler of notifications for the channels in the query, as in `?channel=a&channel=b`. */
export function queriedChannels(notifier: Notifier, options: Partial<NotificationsOptions> = {}): Handler {
  return notificationsPlugin.setup(notifier, { channels: channelsOf, ...options })
}
