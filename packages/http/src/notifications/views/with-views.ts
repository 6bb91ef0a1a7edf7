import type { AnyNotifier, LiveView, NotifierSubscription } from '@penknife/core'
import { type AdmittedSubscription, checkChannel, coverWith, disown, invalid } from '@penknife/core/internal'

import { ViewChannel } from './view-channel.ts'
import { ViewSubscription } from './view-subscription.ts'

/** Which channels are live views: views by channel, or a function of the channel that returns undefined for other channels. */
export type NotificationViews =
  | Readonly<Record<string, LiveView>>
  | ((channel: string) => LiveView | undefined)

export function checkViews(name: string, views: unknown): void {
  if (views === undefined || typeof views === 'function') return
  if (typeof views !== 'object' || views === null) {
    throw invalid(`${name} views`, views, 'give an object of channels and live views, or a function')
  }
  for (const [channel, view] of Object.entries(views)) {
    checkChannel(channel, `${name} views`)
    checkView(`${name} views['${channel}']`, view)
  }
}

function checkView(name: string, view: unknown): LiveView {
  if (isView(view)) return view
  throw invalid(name, view, 'give what live() returned')
}

/** Of a function. Its error is the application's, so it is no PENKNIFE_INVALID, which would be the client's. */
function madeView(view: unknown): LiveView | undefined {
  if (isView(view)) return view
  if (view === undefined || view === null || view === false) return undefined
  disown(view)
  const fix = 'return what live() returned, or undefined'
  throw new TypeError(invalid('the answer of notifications views', view, fix).message)
}

function isView(view: unknown): view is LiveView {
  return typeof (view as Partial<LiveView> | null)?.watch === 'function'
}

type Subscribe = AnyNotifier['subscribe']

/** A notifier, some channels of which are live views of this process. */
export interface ViewedNotifier {
  readonly notifier: AnyNotifier
  /** Whether a followed channel is a view: its clients get a state, and never a reset. Undefined without views. */
  readonly isView: ((channel: string) => boolean) | undefined
}

export function withViews(notifier: AnyNotifier, views: NotificationViews | undefined): ViewedNotifier {
  if (views === undefined) return { notifier, isView: undefined }
  const opened = new Map<string, ViewChannel>()

  function viewOf(name: string): LiveView | undefined {
    const open = opened.get(name)
    if (open) return open.view
    if (typeof views !== 'function') return views && Object.hasOwn(views, name) ? views[name] : undefined
    return madeView(views(name))
  }

  function channelOf(name: string, view: LiveView): ViewChannel {
    const found = opened.get(name)
    if (found) return found
    const channel = new ViewChannel(name, view, () => opened.delete(name))
    opened.set(name, channel)
    return channel
  }

  const subscribe: Subscribe = async (channels, options) => {
    const chosen = new Map<string, LiveView>()
    for (const name of channels) {
      checkChannel(name)
      const view = viewOf(name)
      if (view) chosen.set(name, view)
    }
    if (chosen.size === 0) return notifier.subscribe(channels, options)
    const joined = new JoinedSubscription()
    const { admission, from = {} } = options
    if (admission) joined.onClose = coverWith(admission, joined)
    try {
      await Promise.all(
        [...chosen].map(([name, view]) => joined.follow(channelOf(name, view), options, from[name])),
      )
      const others = channels.filter((name) => !chosen.has(name))
      if (others.length > 0) {
        const { onEvent, ...rest } = options
        joined.add(await notifier.subscribe(others, { ...rest, onEvent: (event) => onEvent(event, joined) }))
      }
    } catch (error) {
      void joined.close()
      throw error
    }
    return joined
  }

  return {
    notifier: {
      name: notifier.name,
      onClose: (end) => notifier.onClose(end),
      subscribe,
      admit: (user, admitting) => notifier.admit(user, admitting),
    },
    isView: (channel) => opened.has(channel),
  }
}

/** A subscription to live views, and to channels of the notifier if there are others. */
class JoinedSubscription implements NotifierSubscription, AdmittedSubscription {
  readonly #views = new Map<string, ViewSubscription>()
  #rest: NotifierSubscription | undefined
  /** Whether the subscriber paused it. */
  #paused = false
  /** Whether the admission paused the views, because revocations may be missing. It pauses the rest by itself. */
  #blocked = false
  #closed = false
  onClose: (() => void) | undefined

  async follow(
    channel: ViewChannel,
    options: Parameters<Subscribe>[1],
    from: string | undefined,
  ): Promise<void> {
    if (this.#closed) return
    const view = new ViewSubscription(channel, options, this, from)
    this.#views.set(channel.name, view)
    if (this.#paused || this.#blocked) view.pause()
    await view.begin()
  }

  add(rest: NotifierSubscription): void {
    this.#rest = rest
    if (this.#closed) void rest.close()
    else if (this.#paused) rest.pause()
  }

  cursors(): Readonly<Record<string, string>> {
    const views = [...this.#views].map(([name, { position }]) => [name, position] as const)
    return {
      ...Object.fromEntries(views.filter((one): one is [string, string] => one[1] !== undefined)),
      ...this.#rest?.cursors(),
    }
  }

  pause(): void {
    this.#paused = true
    for (const view of this.#views.values()) view.pause()
    this.#rest?.pause()
  }

  resume(): void {
    this.#paused = false
    if (!this.#blocked) for (const view of this.#views.values()) view.resume()
    this.#rest?.resume()
  }

  block(): void {
    this.#blocked = true
    for (const view of this.#views.values()) view.pause()
  }

  unblock(): void {
    this.#blocked = false
    if (!this.#paused) for (const view of this.#views.values()) view.resume()
  }

  end(): void {
    void this.close()
  }

  leave(channels: readonly string[]): void {
    for (const channel of channels) {
      this.#views.get(channel)?.close()
      this.#views.delete(channel)
    }
    this.#rest?.leave(channels)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.onClose?.()
    this.leave([...this.#views.keys()])
    await this.#rest?.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
