import type { NotifierAdmission, NotifierEvent, NotifierSubscription } from '@penknife/core'

import type { ChannelFanOut, FanOutMember } from './fan-out.ts'
import type { Following, SessionSettings } from './settings.ts'

/** A session, as its subscription uses it. */
interface Subscriber extends FanOutMember {
  onEvent(event: NotifierEvent, subscription?: NotifierSubscription): void
  /** The subscription exists, although `subscribeTo` has not resolved yet. */
  subscribed(subscription: NotifierSubscription): void
}

/** Subscribes a session to its channels. */
export function subscribeTo(
  { channels, from, fanOut, types }: Following,
  { notifier, getState, start }: SessionSettings,
  subscriber: Subscriber,
  admission: NotifierAdmission | undefined,
): Promise<NotifierSubscription> {
  return notifier.subscribe(channels, {
    from: positionsOf(channels, from, start),
    ...(getState ? { getState } : {}),
    ...(types ? { types } : {}),
    onEvent: (event, current) => subscriber.onEvent(event, current),
    ...(admission ? { admission } : {}),
    ...(fanOut ? sharing(fanOut, subscriber) : {}),
  })
}

function sharing(
  fanOut: ChannelFanOut,
  subscriber: Subscriber,
): {
  readonly audience: ChannelFanOut
  onAudience(inside: boolean, subscription: NotifierSubscription): void
} {
  return {
    audience: fanOut,
    onAudience(inside, subscription) {
      subscriber.subscribed(subscription)
      if (inside) fanOut.join(subscriber)
      else fanOut.leave(subscriber)
    },
  }
}

/** Without a prototype, because a channel may be called 'constructor'. */
function positionsOf(
  channels: readonly string[],
  from: ReadonlyMap<string, string>,
  start: SessionSettings['start'],
): Readonly<Record<string, string>> {
  const oldest = start === 'oldest' ? channels.map((channel) => [channel, '-'] as const) : []
  return Object.assign(Object.create(null), Object.fromEntries([...oldest, ...from]))
}
