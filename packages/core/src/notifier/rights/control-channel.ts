import type { Runtime } from '../../redis/penknife.ts'
import { notifierRevoke, notifierSince, notifierTop } from '../../redis/scripts.gen.ts'
import type { NotifierEvent } from '../events.ts'
import type { Arrivals } from '../fan-out/arrivals.ts'
import { Follower } from '../fan-out/follower.ts'
import { CHECK_MS } from '../limits.ts'
import { parseLive } from '../messages.ts'
import { toSection } from '../pages.ts'
import type { Unreadable } from '../unreadable.ts'
import { readRevocation, type Revocation } from './revocation.ts'

/** Revocations kept: what a process that was cut off can miss at the most without asking everybody to come back. */
const KEPT = 10_000
/** The history must not end because nothing was revoked for long; one key a notifier. */
const TTL_MS = 10 * 365 * 86_400_000

/** What a process learns from the control channel. */
export interface ControlListener {
  /** May be called again for the same revocation. */
  revoked(revocation: Revocation): void
  /** Revocations were lost: nobody knows of whom. */
  lost(): void
  /** Revocations may be missed from now on, until `caughtUp`. */
  interrupted(): void
  /** Every revocation so far was given out. */
  caughtUp(): void
  /** The revocations cannot be read, though Redis answers. */
  failed(fault: unknown): void
}

/**
 * A history and a pub/sub channel with the revocations of a notifier.
 *
 * It is in the slot of the notifier's channels: its messages arrive on the same connection as theirs, and a process that
 * is cut off from it is cut off from events too.
 */
export interface ControlChannel {
  publish(revocation: Revocation): Promise<void>
  /** Follows it until the function that it returns is called. */
  follow(listener: ControlListener): () => void
}

export function createControlChannel(
  name: string,
  { keys, bind, subscriber, onClose }: Runtime,
  arrivals: Arrivals,
  unreadable: Unreadable,
): ControlChannel {
  const { route } = keys
  const key = keys.control(name)
  const live = keys.controlLive(name)
  const next = keys.beginnings(name)
  const publish = bind(notifierRevoke, [[next], KEPT, TTL_MS, 0, 1000])
  const since = bind(notifierSince, [0])
  const top = bind(notifierTop, [])

  function append(type: string, json: string): Promise<string> {
    return publish(route, key, key, live, type, json, '', 0)
  }

  const history = {
    since: async (position: string, count: number) =>
      toSection('', await since(route, key, next, position, count)),
    top: () => top(route, key),
    // An empty history could be lost without anybody seeing it.
    end: async () => (await top(route, key)) || append('begin', '{}'),
  }

  function follow(listener: ControlListener): () => void {
    const source = { channel: '', history, interrupted: true }
    const follower = new Follower(source, {
      from: '+',
      deliver,
      // What was read before the channel is followed again is not all.
      caughtUp: () => source.interrupted || listener.caughtUp(),
      failed: (fault) => listener.failed(fault),
    })

    function deliver(event: NotifierEvent): void {
      if (event.kind === 'reset') return listener.lost()
      if (event.kind !== 'message' || event.type !== 'revoke') return
      const revocation = readRevocation(event.json)
      if (revocation) return listener.revoked(revocation)
      // Somebody lost a right, and nobody knows who.
      unreadable(`the history ${key}`, event.json)
      listener.lost()
    }

    const unfollow = subscriber.follow(route, live, {
      message(text) {
        // A revocation stops what arrives after it, and nothing before.
        arrivals.deliverAll()
        const event = parseLive('', text)
        if (!event) return unreadable(`the pub/sub channel ${live}`, text)
        // While the follower reads the history it would keep it, and events that arrive after it would go out.
        if (follower.state !== 'live') deliver(event.message)
        follower.push([event])
      },
      followed() {
        source.interrupted = false
        follower.keepUp()
      },
      interrupted() {
        source.interrupted = true
        follower.interrupt()
        listener.interrupted()
      },
    })

    const checks = setInterval(() => {
      if (follower.state !== 'live') return
      top(route, key).then(
        (newest) => {
          if (follower.state === 'live' && !follower.isAt(newest)) follower.keepUp()
        },
        // Redis is away: the subscription will be there again.
        () => {},
      )
    }, CHECK_MS).unref()

    function end(): void {
      clearInterval(checks)
      follower.close()
      unfollow()
    }
    const forget = onClose(async () => end())
    return () => {
      forget()
      end()
    }
  }

  return {
    follow,
    async publish({ user, channels }) {
      await append('revoke', JSON.stringify({ user, channels }))
    },
  }
}
