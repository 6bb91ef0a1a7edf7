import { detached } from '../detached.ts'
import type { Runtime } from '../redis/penknife.ts'
import { notifierExtend } from '../redis/scripts.gen.ts'
import type { Followed, Shared } from './checks.ts'
import type { Arrivals } from './fan-out/arrivals.ts'
import { createFanOut, type FanOut } from './fan-out/fan-out.ts'
import type { Follower } from './fan-out/follower.ts'
import type { Histories } from './history.ts'
import { CHECK_MS, within } from './limits.ts'
import type { UserAdmission } from './rights/admission.ts'
import { ChannelSubscription, type OnEvent } from './subscription.ts'
import type { NotifierSubscription } from './subscription-types.ts'
import type { Unreadable } from './unreadable.ts'

/** Checked arguments of `subscribe`. */
export interface Subscribing {
  readonly followed: Followed
  readonly onEvent: OnEvent
  readonly admission?: UserAdmission | undefined
  readonly shared?: Shared
}

/** The channels that this process follows, each with one fan-out as long as it has subscriptions. */
export interface Channels {
  /** Resolves when the first page of every channel was delivered. */
  subscribe(channels: readonly string[], subscribing: Subscribing): Promise<NotifierSubscription>
  /** The channels in which a subscription that is not paused has not delivered everything. */
  behind(): Promise<string[]>
}

export interface ChannelsOptions {
  readonly name: string
  readonly runtime: Runtime
  /** After this time without an event a channel's history expires. */
  readonly ttlMs: number
  readonly histories: Histories
  readonly arrivals: Arrivals
  readonly unreadable: Unreadable
  /** Stores in Redis which options this process uses. */
  readonly declare: () => void
  /** Called when a subscription was opened (1) or ended (-1). */
  readonly counted: (by: 1 | -1) => void
}

const NOT_SHARED: Shared = {}

export function createChannels(options: ChannelsOptions): Channels {
  const { name, runtime, ttlMs, histories, arrivals, unreadable, declare, counted } = options
  const { keys, bind, subscriber, deadlineMs, onClose } = runtime
  const { route } = keys
  // Often enough that a history lives for its ttl after a process last followed it.
  const extendMs = Math.floor(ttlMs / 3)
  const extend = bind(notifierExtend, [ttlMs + extendMs])
  const fanOuts = new Map<string, FanOut>()
  let checks: NodeJS.Timeout | undefined
  let unregister = (): unknown => undefined

  /** Runs only while a channel is followed, so that an unused notifier costs nothing. */
  function startChecks(): void {
    const check = (): void => {
      for (const fanOut of fanOuts.values()) fanOut.check()
    }
    checks = detached(() => setInterval(check, CHECK_MS).unref())
    unregister = onClose(async () => {
      clearInterval(checks)
      for (const fanOut of fanOuts.values()) fanOut.close()
    })
  }

  function fanOutOf(channel: string): FanOut {
    const found = fanOuts.get(channel)
    if (found) return found
    const key = keys.history(name, channel)
    const fanOut = createFanOut({
      channel,
      live: keys.live(name, channel),
      route,
      subscriber,
      history: histories.of(channel),
      extend: () => extend(route, key),
      extendMs,
      arrivals,
      unreadable,
    })
    if (fanOuts.size === 0) startChecks()
    fanOuts.set(channel, fanOut)
    return fanOut
  }

  function leave(channel: string, follower: Follower): void {
    const fanOut = fanOuts.get(channel)
    fanOut?.leave(follower)
    if (!fanOut?.empty) return
    fanOuts.delete(channel)
    fanOut.close()
    if (fanOuts.size > 0) return
    clearInterval(checks)
    unregister()
  }

  return {
    async subscribe(channels, { followed, onEvent, admission, shared = NOT_SHARED }) {
      const { from, types, getState } = followed
      const subscription = new ChannelSubscription(onEvent, leave, admission)
      if (!subscription.open) return subscription
      counted(1)
      subscription.onEnd(() => counted(-1))
      declare()
      const ready: Promise<void>[] = []
      for (const channel of new Set(channels)) {
        if (admission?.isRevoked(channel)) continue
        const start = Object.hasOwn(from, channel) ? (from[channel] as string) : '+'
        const { deliver } = subscription
        const sharing = subscription.sharing(shared)
        const joined = fanOutOf(channel).join({ from: start, deliver, types, getState, ...sharing })
        subscription.add(channel, joined.follower)
        ready.push(joined.ready)
      }
      try {
        await within('subscribe', deadlineMs, Promise.all(ready), () => histories.answered)
      } catch (error) {
        subscription.end()
        throw error
      }
      return subscription
    },
    async behind() {
      const found = await Promise.all(
        [...fanOuts].map(async ([channel, fanOut]) => ((await fanOut.behind()) ? [channel] : [])),
      )
      return found.flat()
    },
  }
}
