import { detached } from '../../detached.ts'
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

/** How many revocations Redis stores. A process that missed more ends all admissions as 'lost'. */
const MAX_REVOCATIONS = 10_000
/** The history must not expire when nothing is revoked for a long time. It is one key for each notifier. */
const TTL_MS = 10 * 365 * 86_400_000

/** Called with the events of the control channel. */
export interface ControlListener {
  /** May be called again for the same revocation. */
  revoked(revocation: Revocation): void
  /** Revocations were lost, and their users are unknown. */
  lost(): void
  /** Revocations may be missed from now on, until `caughtUp`. */
  interrupted(): void
  /** Every revocation so far was delivered. */
  caughtUp(): void
  /** Redis answers, but the revocations cannot be read. */
  failed(fault: unknown): void
}

/**
 * A history and a pub/sub channel with the revocations of a notifier.
 *
 * It is in the same slot as the notifier's channels: its messages arrive on the same connection as theirs. So a process
 * that misses revocations gets no events either.
 */
export interface ControlChannel {
  publish(revocation: Revocation): Promise<void>
  /** Follows it. The returned function ends that. */
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
  const publish = bind(notifierRevoke, [[next], MAX_REVOCATIONS, TTL_MS, 0, 1000])
  const since = bind(notifierSince, [0])
  const top = bind(notifierTop, [])

  function append(type: string, json: string): Promise<string> {
    return publish(route, key, key, live, type, json, '', 0)
  }

  const history = {
    since: async (position: string, count: number) =>
      toSection('', await since(route, key, next, position, count)),
    top: () => top(route, key),
    // Without an entry the loss of the history would go unnoticed.
    end: async () => (await top(route, key)) || append('begin', '{}'),
  }

  function follow(listener: ControlListener): () => void {
    const source = { channel: '', history, interrupted: true }
    const follower = new Follower(source, {
      from: '+',
      deliver,
      // During an interruption the history that was read may be incomplete.
      caughtUp: () => source.interrupted || listener.caughtUp(),
      failed: (fault) => listener.failed(fault),
    })

    function deliver(event: NotifierEvent): void {
      if (event.kind === 'reset') return listener.lost()
      if (event.kind !== 'message' || event.type !== 'revoke') return
      const revocation = readRevocation(event.json)
      if (revocation) return listener.revoked(revocation)
      // A user lost a right, but which user is unknown.
      unreadable(`the history ${key}`, event.json)
      listener.lost()
    }

    const unfollow = subscriber.follow(route, live, {
      message(text) {
        // Events that arrived before the revocation must still be delivered.
        arrivals.deliverAll()
        const event = parseLive('', text)
        if (!event) return unreadable(`the pub/sub channel ${live}`, text)
        // A follower that reads the history would deliver it late, after events that arrived later.
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

    const check = (): void => {
      if (follower.state !== 'live') return
      top(route, key).then(
        (newest) => {
          if (follower.state === 'live' && !follower.isAt(newest)) follower.keepUp()
        },
        // Redis is away: the subscription recovers, and catches up then.
        () => {},
      )
    }
    const checks = detached(() => setInterval(check, CHECK_MS).unref())

    function end(): void {
      clearInterval(checks)
      follower.close()
      unfollow()
    }
    const unregister = onClose(async () => end())
    return () => {
      unregister()
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
