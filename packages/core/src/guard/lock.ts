import { invalid } from '../errors.ts'
import { createTopic } from '../events.ts'
import { checkName, checkOptions, checkSignal, checkText } from '../options.ts'
import type { Receiver } from '../redis/driver.ts'
import { readReply } from '../redis/failures.ts'
import { shortened } from '../redis/keys.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import type { Port } from '../redis/runner.ts'
import type { Arg } from '../redis/script.ts'
import {
  guardLock,
  guardLockAll,
  guardLocked,
  guardRelock,
  guardUnlock,
  guardUnqueue,
} from '../redis/scripts.gen.ts'
import { Held, type HeldThing, runHeld } from './held.ts'
import { createKeeper } from './keeper.ts'
import { leaseOptions, LONGEST_LABEL, waitOf } from './lease-options.ts'
import type { AcquireOptions, HeldLock, Lock, LockEvent, LockInfo, LockOptions } from './lock-types.ts'
import { CLAIM_MS, createTickets, giveUp, type Granted, type Queued } from './tickets.ts'

const LONGEST_KEY = 512
const MOST_KEYS = 16

/** A lock of one key: its keys in Redis. */
type Place = readonly [lock: string, queue: string]

interface Holding extends HeldThing {
  readonly places: readonly Place[]
  readonly owner: string
}

/**
 * Creates locks of a name: each key has its own.
 *
 * A held lock takes about 240 bytes in Redis, a waiting caller about 150, a free lock nothing. All processes give the same lease. Locks are
 * stored in the space's slot; its last fence is one key without a TTL.
 *
 * @throws PENKNIFE_INVALID for a wrong name or option; its methods for a wrong argument.
 */
export function createLock(space: Space, name: string, options: LockOptions = {}): Lock {
  checkName('lock name', name)
  checkOptions('createLock', options, ['lease', 'maxHold', 'wait', 'label'])
  const { leaseMs, mostMs, waitMs, label } = leaseOptions(options)
  const runtime = runtimeOf(space)
  const { keys, bind } = runtime
  const { route } = keys
  const title = `lock '${name}' of space '${space.name}'`
  runtime.use('lock', name, options)
  const tickets = createTickets(runtime, 'lock', name, title)
  const { channel } = tickets
  const fence = keys.guard('fence', 'last')
  const topic = createTopic<LockEvent>('penknife:lock', runtime.taps)
  const lock = bind(guardLock, [[fence], channel, leaseMs, label, CLAIM_MS], undefined, title)
  const unlock = bind(guardUnlock, [channel, CLAIM_MS], undefined, title)
  const unqueue = bind(guardUnqueue, [channel, CLAIM_MS], undefined, title)
  const relock = bind(guardRelock, [leaseMs], undefined, title)
  const locked = bind(guardLocked, [], undefined, title)
  /** By the number of keys: the items of a batch have equally many. */
  const lockAll = new Map<number, Port<[...all: string[], asked: Arg], number | string>>()

  const keeper = createKeeper<Holding>(runtime, {
    leaseMs,
    mostMs,
    title,
    async renew({ places, owner }) {
      const renewed = await Promise.all(places.map(([key]) => relock(route, key, owner)))
      return renewed.every(isOne)
    },
    release: ({ places, owner }) => releaseAll(places, owner),
    onLost: ({ keys: names, fence: token }, error) =>
      topic.emit({ kind: 'lost', space: space.name, name, keys: names, fence: token, error }),
  })

  function release({ places, owner }: Holding, receiver: Receiver<boolean>): void {
    if (places.length > 1) releaseAll(places, owner).then(receiver.received, receiver.failed)
    else {
      const [[key, queue]] = places as readonly [Place]
      unlock.to(
        { received: (reply) => receiver.received(reply === 1), failed: receiver.failed },
        route,
        key,
        queue,
        owner,
      )
    }
  }

  async function releaseAll(places: readonly Place[], owner: string): Promise<boolean> {
    const released = await Promise.all(places.map(([key, queue]) => unlock(route, key, queue, owner)))
    return released.every(isOne)
  }

  const [lockPrefix, queuePrefix] = [keys.guardOf('lock', name, ''), keys.guardOf('lock-queue', name, '')]

  function placeOf(key: string): Place {
    const own = shortened(checkText('key', key, LONGEST_KEY))
    return [lockPrefix + own, queuePrefix + own]
  }

  /** Each key once, in one order for all. */
  function keysOf(given: string | readonly string[]): readonly string[] {
    if (typeof given === 'string') return [given]
    if (!Array.isArray(given) || given.length < 1 || given.length > MOST_KEYS)
      throw invalid('keys', given, `give a key, or a list of 1 to ${MOST_KEYS}`)
    return [...new Set(given as readonly string[])].toSorted()
  }

  function portOfAll(count: number): NonNullable<ReturnType<typeof lockAll.get>> {
    let port = lockAll.get(count)
    if (!port)
      lockAll.set(count, (port = bind(guardLockAll, [channel, leaseMs, label, CLAIM_MS], undefined, title)))
    return port
  }

  function queuedFor(places: readonly Place[], shown: string): Queued {
    const asked = (ticket: string, order: string): string =>
      shown === label ? `${ticket} ${order}` : `${ticket} ${order} ${shown}`
    const leave = (ticket: string): Promise<unknown> =>
      Promise.all(places.map(([key, queue]) => unqueue(route, key, queue, ticket)))
    if (places.length === 1) {
      const [[key, queue]] = places as readonly [Place]
      return { place: key, leave, ask: (ticket, order) => lock(route, key, queue, asked(ticket, order)) }
    }
    const all = [fence, ...places.flat()]
    const port = portOfAll(all.length)
    return {
      place: all.join('\n'),
      leave,
      ask: (ticket, order) => port(route, ...([...all, asked(ticket, order)] as [...string[], Arg])),
    }
  }

  const ways = { keeper, release }

  /** The common call: one key, whose lock is most often free. Resolves with what `refused` returns when it is not. */
  function tryOne(
    key: string,
    refused: (place: Place, ticket: string, reply: string) => Promise<HeldLock | undefined> | undefined,
  ): Promise<HeldLock | undefined> {
    return new Promise((resolve, reject) => {
      const place = placeOf(key)
      const ticket = tickets.newTicket()
      const sentAt = performance.now()
      const received = (reply: number | string): void => {
        const { closed } = tickets
        if (typeof reply === 'string') resolve(refused(place, ticket, reply))
        else if (closed) return failed(closed)
        else resolve(new Held({ places: [place], owner: ticket, keys: [key], fence: reply }, 1, sentAt, ways))
        tickets.answered()
      }
      const failed = (error: unknown): void => {
        giveUp(queuedFor([place], label), ticket)
        tickets.answered()
        reject(error)
      }
      tickets.asked()
      lock.to({ received, failed }, route, place[0], place[1], ticket)
    })
  }

  async function waitForOne(
    key: string,
    place: Place,
    ticket: string,
    reply: string,
  ): Promise<HeldLock | undefined> {
    const tried = { ticket, reply }
    const granted = await tickets.take(queuedFor([place], label), { waitMs, signal: undefined }, tried)
    return granted && heldBy([key], [place], granted)
  }

  function heldBy(names: readonly string[], places: readonly Place[], granted: Granted): HeldLock {
    const { ticket: owner, fence: token, sentAt } = granted
    return new Held({ places, owner, keys: names, fence: token }, 1, sentAt, ways)
  }

  async function acquire(
    given: string | readonly string[],
    { wait, signal, label: own = label }: AcquireOptions,
  ): Promise<HeldLock | undefined> {
    const names = keysOf(given)
    const places = names.map(placeOf)
    if (own !== label) checkText('label', own, LONGEST_LABEL)
    const ms = wait === undefined ? waitMs : waitOf(wait)
    checkSignal(signal)
    signal?.throwIfAborted()
    const granted = await tickets.take(queuedFor(places, own), { waitMs: ms, signal })
    return granted && heldBy(names, places, granted)
  }

  async function acquireChecked(
    what: string,
    given: string | readonly string[],
    asked: AcquireOptions,
    known: readonly string[],
    fixed: AcquireOptions = NONE,
  ): Promise<HeldLock | undefined> {
    checkOptions(what, asked, known)
    return acquire(given, { ...asked, ...fixed })
  }

  return {
    name,
    acquire(given, asked = NONE) {
      // A process that waits already takes its place in the queue at once.
      if (asked === NONE && typeof given === 'string' && waitMs > 0 && !tickets.followed)
        return tryOne(given, (place, ticket, reply) => waitForOne(given, place, ticket, reply))
      return acquireChecked('acquire', given, asked, ['wait', 'signal', 'label'])
    },
    tryAcquire(given, asked = NONE) {
      if (asked === NONE && typeof given === 'string') return tryOne(given, () => undefined)
      return acquireChecked('tryAcquire', given, asked, ['label'], { wait: 0 })
    },
    async run(given, body, asked = NONE) {
      if (typeof body !== 'function') throw invalid('body', body, 'give a function')
      checkOptions('run', asked, ['wait', 'signal', 'label'])
      const held = await acquire(given, asked)
      return held ? { acquired: true, result: await runHeld(held, body) } : { acquired: false }
    },
    async look(key) {
      const reply = await locked(route, ...placeOf(key))
      return readReply(title, (): LockInfo => {
        const [left, token, shown, waiting] = reply
        const held = token !== '' && token !== '0'
        return {
          held,
          label: held ? String(shown) : null,
          fence: held ? Number(token) : null,
          leaseLeftMs: held ? Number(left) : 0,
          waiting: Number(waiting) + (token === '0' ? 1 : 0),
        }
      })
    },
    on: (listener) => topic.on(listener),
  }
}

const NONE = {}

function isOne(reply: number): boolean {
  return reply === 1
}
