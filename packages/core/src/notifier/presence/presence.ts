import { randomBytes } from 'node:crypto'

import { reportFault } from '../../callbacks.ts'
import { closeDeadlineMs } from '../../closing.ts'
import { detached } from '../../detached.ts'
import { isOutage, PenknifeError } from '../../errors.ts'
import { checkName, checkOptions, checkText, wholeNumber } from '../../options.ts'
import { atMost } from '../../redis/endings.ts'
import { runtimeOf, type Space } from '../../redis/penknife.ts'
import {
  notifierDue,
  notifierJoin,
  notifierLeave,
  notifierPresent,
  notifierRenew,
} from '../../redis/scripts.gen.ts'
import { checkChannel } from '../checks.ts'
import { Dues } from './dues.ts'
import { announcingOf, settingsOf } from './options.ts'
import { type Change, type Renewed, Room, type RoomCalls } from './room.ts'
import type { Presence, PresenceMembers, PresenceOptions } from './types.ts'

/** As of a user. */
const LONGEST_MEMBER = 256
const MOST_MEMBERS = 1000
/** Leases are renewed after a third of their time, a tenth of the channels at once. */
const SLICES = 10
const CLOSE_MS = 5000
/** Of renew.lua. */
const REPLIES: Readonly<Record<string, Renewed>> = { 0: 'ended', 1: 'kept', 2: 'lost' }
/** The most calls in a row that remove members of dead processes. */
const MOST_CALLS = 1000

/**
 * Makes a list of who is on each channel now, over all processes of the name.
 *
 *     const presence = createPresence(space, 'main')
 *     const membership = presence.join('room:1', 'ann')     // a connection of ann began
 *     await presence.members('room:1')                      // { count: 1, members: ['ann'] }
 *     membership.leave()                                    // it ended
 *
 * `notifications` and `notificationSockets` do that for each connection of a user: give them the option `presence`.
 *
 * A member is present once, however many memberships it has and in however many processes. A process that is killed is gone after
 * `lease`: its members are removed within a further third of it by any process that has used the presence (`join`, `members` or
 * `count`), or by the next read. Without `announce` only processes with members on the channel do so. If Redis loses its data,
 * members join again within a third of `lease`.
 *
 * Cost: a script call for the first membership of a member in a process, for its last one, and for each channel every third of
 * `lease`; calls of a tick share an EVALSHA. With `announce` also one every third of `lease` for each process. Memory: about
 * 200 bytes for a member in a process, and 300 for each channel, 500 with `announce`.
 *
 * @throws PENKNIFE_INVALID for a wrong option.
 */
export function createPresence(space: Space, name: string, options: PresenceOptions = {}): Presence {
  checkName('presence name', name)
  const { leaseMs, graceMs, announce } = settingsOf(options)
  const runtime = runtimeOf(space)
  const { keys, bind, onClose } = runtime
  const { route } = keys
  const announcing = announce && announcingOf(announce, runtime)
  const processId = randomBytes(12).toString('base64url')
  const { next, keep, ttl, age } = announcing?.plan ?? {
    next: keys.beginnings(name),
    keep: 1,
    ttl: 1,
    age: 0,
  }
  const due = keys.presenceDue(name)
  const shared: [string[], number, number, number, number] = [[next, due], keep, ttl, age, leaseMs]
  const join = bind(notifierJoin, shared)
  const leave = bind(notifierLeave, shared)
  const renew = bind(notifierRenew, shared)
  const present = bind(notifierPresent, shared)
  const findDue = bind(notifierDue, [])
  const rooms = new Map<string, Room>()
  let closed = false
  let reported = false
  let slice = 0
  let opened = 0
  let named = 0
  let timer: NodeJS.Timeout | undefined
  let unregister = (): unknown => undefined

  /** The keys of a channel, and where its changes are published, as the scripts take them. */
  function targetOf(channel: string): readonly [string, string, string, string, string] {
    const entries = keys.presence('entries', name, channel)
    const { history, live } = announcing?.of(channel) ?? { history: entries, live: '' }
    return [
      keys.presence('counts', name, channel),
      entries,
      keys.presence('leases', name, channel),
      history,
      live,
    ]
  }

  function failed(error: unknown): void {
    // While Redis is away members stay. The next renewal adds them again.
    if (isOutage(error) || reported || closed) return
    reported = true
    reportFault(`presence '${name}' cannot be kept`, error)
  }

  function callsOf(channel: string): RoomCalls {
    const target = targetOf(channel)
    let process = `${processId}.${named++}`
    async function renewed(lastsMs: number, changes: readonly Change[] = []): Promise<Renewed> {
      const text = changes.map(({ member, wanted }) => `${wanted === 'in' ? 1 : 0}${member}`).join('\n')
      let reply = await renew(route, ...target, process, lastsMs, text)
      const answer = REPLIES[reply.charAt(0)] ?? 'kept'
      for (let call = 1; reply.endsWith('+') && call < MOST_CALLS; call++)
        reply = await renew(route, ...target, process, lastsMs, '')
      return answer
    }
    return {
      join: async (member) => (await join(route, ...target, process, member)) === 1,
      leave: (member) => leave(route, ...target, process, member),
      renew: (changes) => renewed(leaseMs, changes),
      release: () => renewed(graceMs),
      beginAgain: () => (process = `${processId}.${named++}`),
      failed,
    }
  }

  function beat(): void {
    slice = (slice + 1) % SLICES
    for (const room of rooms.values()) if (room.number % SLICES === slice) room.renew()
    if (announce && slice === 0) void dues.collect()
  }

  const firstEntries = keys.presence('entries', name, '')
  const dues = new Dues({
    find: async () =>
      ((await findDue(route, due, Math.ceil(leaseMs / 3))) as string[]).map((key) =>
        key.slice(firstEntries.length),
      ),
    expire: (channel) => read(channel, 0),
    failed,
  })

  /** With `announce` a process goes on: it, or a client of it, may follow the events of channels where it has no member. */
  function begin(): void {
    if (timer || closed) return
    timer = detached(() => setInterval(beat, leaseMs / 3 / SLICES).unref())
    unregister = onClose(end)
  }

  function stop(): void {
    clearInterval(timer)
    timer = undefined
    unregister()
  }

  function roomOf(channel: string): Room {
    const found = rooms.get(channel)
    if (found) return found
    const room = new Room(opened++, callsOf(channel), graceMs, () => {
      if (rooms.get(channel) === room && rooms.delete(channel) && rooms.size === 0 && !announce) stop()
    })
    begin()
    rooms.set(channel, room)
    return room
  }

  async function end(deadlineMs: number): Promise<void> {
    closed = true
    stop()
    const ended = [...rooms.values()].map((room) => room.release().catch(() => {}))
    rooms.clear()
    await atMost(deadlineMs, Promise.all(ended))
  }

  async function read(channel: string, most: number): Promise<PresenceMembers> {
    checkChannel(channel)
    if (announce) begin()
    const target = targetOf(channel)
    for (let call = 0; ; call++) {
      const [more, count, ...members] = await present(route, ...target, most)
      if (more === '' || call >= MOST_CALLS)
        return { count: Number(count), members: (members as string[]).toSorted() }
    }
  }

  return {
    name,
    join(channel, member) {
      checkChannel(channel)
      checkText('member', member, LONGEST_MEMBER)
      if (closed) throw new PenknifeError('PENKNIFE_CLOSED', `presence '${name}' was closed`)
      return roomOf(channel).join(member)
    },
    count: async (channel) => (await read(channel, 0)).count,
    async members(channel, reading = {}) {
      checkOptions('members', reading, ['limit'])
      return read(channel, wholeNumber('limit', reading.limit ?? MOST_MEMBERS, 1, MOST_MEMBERS))
    },
    async close(closing = {}) {
      await end(closeDeadlineMs(closing, CLOSE_MS))
    },
    async [Symbol.asyncDispose]() {
      await end(CLOSE_MS)
    },
  }
}
