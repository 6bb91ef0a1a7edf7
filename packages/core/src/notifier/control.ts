import type { Runtime } from '../redis/penknife.ts'
import { notifierRevoke, notifierSince, notifierTop } from '../redis/scripts.gen.ts'
import { isText } from '../options.ts'
import { LONGEST_USER } from './checks.ts'
import { deliverAll } from './feed.ts'
import { Lane } from './lane.ts'
import { CHECK_MS, within } from './limits.ts'
import { parseLive } from './messages.ts'
import { toStretch } from './pages.ts'
import type { NotifierEvent, NotifierMessage } from './events.ts'
import type { Unreadable } from './unreadable.ts'

/** Who is told of the revocations of its user. */
export interface Listener {
  readonly user: string
  /** Rights to these channels ended; to all of them without. May be told again. */
  revoked(channels: readonly string[] | undefined): void
  /** Revocations were lost: nobody knows what rights there still are. */
  lost(): void
  /** From now on revocations may be missed, until `sure` says that all of them were told. */
  unsure(): void
  sure(): void
}

/**
 * A notifier's control channel, which tells every process whose rights ended.
 *
 * It is a channel as others are, with a history, so that a process which was cut off learns what it missed. A process
 * follows it while somebody listens. It lies in the slot of the notifier's channels: what goes live comes on the
 * same connection, and a process that is cut off from it is cut off from events too.
 */
export interface Control {
  /** Resolves when every revocation from now on will be told. */
  join(listener: Listener): Promise<void>
  leave(listener: Listener): void
  /** Whether all revocations so far were told. */
  readonly sure: boolean
  revoke(user: string, channels: readonly string[] | undefined): Promise<void>
}

/** Revocations kept: what a process that was cut off can miss at the most without asking everybody to come back. */
const KEPT = 10_000
/** The history must not end because nothing was revoked for long; one key a notifier. */
const TTL_MS = 10 * 365 * 86_400_000

interface Revocation {
  readonly user: string
  readonly channels?: readonly string[]
}

export function createControl(
  name: string,
  { keys, bind, subscriber, deadlineMs, onClose }: Runtime,
  unreadable: Unreadable,
): Control {
  const { route } = keys
  const key = keys.control(name)
  const live = keys.controlLive(name)
  const next = keys.beginnings(name)
  const publish = bind(notifierRevoke, [[next], KEPT, TTL_MS, 0, 1000])
  const since = bind(notifierSince, [0])
  const top = bind(notifierTop, [])
  const listeners = new Map<string, Set<Listener>>()
  /** Joins under way; a fault is why the revocations cannot be read. */
  const waiting = new Set<(fault?: unknown) => void>()
  let sure = false
  let stop: (() => void) | undefined

  function tell(type: string, json: string): Promise<string> {
    return publish(route, key, key, live, type, json, '', 0)
  }

  function everybody(): Listener[] {
    return [...listeners.values()].flatMap((of) => [...of])
  }

  function deliver(event: NotifierEvent): void {
    if (event.kind === 'reset') lose()
    else if (event.kind === 'message' && event.type === 'revoke') {
      const revocation = readRevocation(event)
      if (revocation) {
        for (const listener of listeners.get(revocation.user) ?? []) listener.revoked(revocation.channels)
      } else {
        // Somebody lost a right, and nobody knows who.
        unreadable(`the history ${key}`, event.json)
        lose()
      }
    }
  }

  function lose(): void {
    for (const listener of everybody()) listener.lost()
  }

  function letGo(fault?: unknown): void {
    for (const go of waiting) go(fault)
    waiting.clear()
  }

  /** Follows until somebody calls what comes back. */
  function follow(): () => void {
    let following = false
    const lane = new Lane(
      '',
      {
        since: async (position, count) => toStretch('', await since(route, key, next, position, count)),
        top: () => top(route, key),
        // An empty history could be lost without anybody seeing it.
        end: async () => (await top(route, key)) || tell('begin', '{}'),
      },
      { from: '+', deliver, caughtUp, failed: letGo },
    )

    function caughtUp(): void {
      // What was read before the channel is followed again is not all.
      if (!following || sure) return
      sure = true
      letGo()
      for (const listener of everybody()) listener.sure()
    }

    const unfollow = subscriber.follow(route, live, {
      message(text) {
        // A revocation takes what came after it, and nothing before.
        deliverAll()
        const event = parseLive('', text)
        if (!event) return unreadable(`the pub/sub channel ${live}`, text)
        // While it reads the history the lane would keep it for later, and events that came after it would go out.
        if (!lane.live) deliver(event.message)
        lane.push([event])
      },
      followed() {
        following = true
        lane.keepUp()
      },
      interrupted() {
        following = false
        if (!sure) return
        sure = false
        for (const listener of everybody()) listener.unsure()
      },
    })
    const checks = setInterval(() => {
      if (!lane.live) return
      top(route, key).then(
        (newest) => {
          if (lane.live && !lane.isAt(newest)) lane.keepUp()
        },
        // Redis is away: the subscription will come back.
        () => {},
      )
    }, CHECK_MS).unref()
    function end(): void {
      clearInterval(checks)
      lane.close()
      unfollow()
    }
    const forget = onClose(async () => end())
    return () => {
      forget()
      end()
    }
  }

  function leave(listener: Listener): void {
    const of = listeners.get(listener.user)
    if (!of?.delete(listener) || of.size > 0) return
    listeners.delete(listener.user)
    if (listeners.size > 0) return
    stop?.()
    stop = undefined
    sure = false
    // Their users were revoked meanwhile: they are not waited for any more.
    letGo()
  }

  return {
    async join(listener) {
      const of = listeners.get(listener.user)
      if (of) of.add(listener)
      else listeners.set(listener.user, new Set([listener]))
      let go = (_fault?: unknown): void => undefined
      try {
        stop ??= follow()
        if (sure) return
        const ready = new Promise<void>((resolve, reject) => {
          go = (fault) => (fault === undefined ? resolve() : reject(fault))
        })
        waiting.add(go)
        await within('admit', deadlineMs, ready)
      } catch (error) {
        waiting.delete(go)
        leave(listener)
        throw error
      }
    },
    leave,
    get sure() {
      return sure
    },
    async revoke(user, channels) {
      await tell('revoke', JSON.stringify({ user, channels }))
    },
  }
}

/** Undefined when it is no revocation. */
function readRevocation({ json }: NotifierMessage): Revocation | undefined {
  try {
    const { user, channels } = JSON.parse(json) as Partial<Revocation>
    if (user === undefined || !isText(user, LONGEST_USER)) return undefined
    if (channels === undefined) return { user }
    const known = Array.isArray(channels) && channels.every((channel) => typeof channel === 'string')
    return known ? { user, channels } : undefined
  } catch {
    return undefined
  }
}
