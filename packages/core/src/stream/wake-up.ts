import { BLOCK_MS, type Line } from '../redis/driver.ts'
import { isReply, movedAway, replyCode } from '../redis/failures.ts'
import type { Reader } from '../redis/reader.ts'

export interface WakeUpOptions {
  /** The connection for calls to the server of the reader. */
  readonly commands: () => Line | undefined
  readonly tried: (command: 'CLIENT', error?: unknown) => void
  /** Called when the last member left. */
  readonly ended: () => void
}

/** A blocking read for all members; see `Arrivals`. */
export interface WakeUp {
  join(keys: readonly string[], group: string): Member
}

/** One caller that waits again and again. */
export interface Member {
  /**
   * Calls `wake` once, when the streams may have entries for the group; returns a function that ends the wait. Returns undefined, and
   * never calls it, when the caller has to fetch now.
   *
   * @throws the reason why the connection cannot wait, once.
   */
  wait(wake: () => void): (() => void) | undefined
  /** Call it before a fetch, and the result with its outcome. */
  fetching(): (outcome: FetchOutcome | undefined) => void
  /** There may be entries for the group that did not arrive just now: a member fetches. */
  again(): void
  /** Closes the connection behind the last member. Resolves when the server has closed it. */
  leave(): Promise<void>
}

/** Of a fetch that succeeded. */
export interface FetchOutcome {
  /** For each key the last id that the group was given, when nothing more was there for it; otherwise null. */
  readonly after: readonly string[] | null
  readonly found: number
}

/** Members of one consumer group. */
interface Group {
  readonly keys: readonly string[]
  /** After which ids it waits. Undefined when there may be entries for it: members with room fetch. */
  after: readonly string[] | undefined
  readonly waiting: Set<Waiting>
  members: number
  /** Fetches of members on their way. */
  fetching: number
  fetchedAt: number
  /** Woken by the clock, not by an entry. */
  byClock: boolean
  /** What a fetch on its way returns may be out of date. */
  moved: boolean
}

interface Waiting {
  /** It was woken, or has never fetched: it fetches before it waits. */
  due: boolean
  wake: () => void
  failed: unknown
}

/** The read that blocks now. */
interface Read {
  readonly groups: ReadonlySet<Group>
  /** Another read has to take its place, because a group waits that it does not serve. */
  ending: boolean
}

/** How long a read waits for the groups that were just woken: they mostly wait again at once. */
const LINGER_MS = 1
/** A read of this many keys costs Redis about a tenth of the time until the next one. */
const KEYS_PER_MS = 100
/** Of reads that cannot be ended with CLIENT UNBLOCK: one that serves only some of the groups, and one that serves all. */
const SHORT_BLOCK_MS = 100
const LONG_BLOCK_MS = 1000
const RETRY_MS = 250
/** Time between two fetches of a group that nothing woke. The longer one is that of a blocking read. */
const CHECK_MS = 500
const UNCONNECTED_MS = 1000

/**
 * Invariant: a group with waiting members is in the blocking XREAD with ids that are not above those that it was given last, or in the
 * next one, or one of its members fetches. XREAD serves all groups, and takes nothing away.
 *
 * An entry that arrives between a fetch and the read has a higher id than the one that the fetch returned, so the read returns at once.
 * What XREAD cannot see (ids that went back in a failover, a group that was reset) is found by a fetch every five seconds. A wake-up that
 * a member did not use, because it failed or has no room, is not lost: its group still waits after the old ids, so the next read
 * returns at once and wakes another member.
 */
export function createWakeUp(connection: Reader, { commands, tried, ended }: WakeUpOptions): WakeUp {
  const groups = new Map<string, Group>()
  let reading: Read | undefined
  /** The server's number of the connection, for CLIENT UNBLOCK. */
  let client: number | undefined
  let mayUnblock = true
  /** No read is sent before. */
  let soonest = 0
  let lingersUntil = 0
  /** Fetches on their way. */
  let fetches = 0
  let timer: NodeJS.Timeout | undefined
  let immediate: NodeJS.Immediate | undefined
  const woken = new Set<Group>()
  const checking = setInterval(checkAll, CHECK_MS).unref()

  connection.on('ready', () => {
    client = undefined
    mayUnblock = true
    connection.call('client', 'id').then((id) => {
      client = Number(id)
      tried('CLIENT')
    }, refused)
    readSoon()
  })

  function refused(error: unknown): void {
    if (!isReply(error)) return
    mayUnblock = false
    tried('CLIENT', error)
  }

  function wake(group: Group, failed?: unknown): void {
    for (const first of group.waiting) {
      group.waiting.delete(first)
      first.due = true
      first.failed = failed
      first.wake()
      break
    }
    // The member may have no room, and not fetch.
    if (woken.size === 0) setImmediate(afterWaking)
    woken.add(group)
  }

  function afterWaking(): void {
    const before = [...woken]
    woken.clear()
    for (const group of before) if (isLeft(group) && !group.after) wake(group)
    readSoon()
  }

  /** Whether members wait and none fetches. */
  function isLeft(group: Group): boolean {
    return group.waiting.size > 0 && group.fetching === 0
  }

  /** A fetch of the group ended, or a member waits. */
  function changed(group: Group): void {
    if (!isLeft(group)) return
    if (!group.after) wake(group)
    else if (!reading) readSoon()
    else if (!reading.groups.has(group)) endSoon(reading)
  }

  function checkAll(): void {
    const now = performance.now()
    for (const group of groups.values()) {
      if (!isLeft(group) || now - group.fetchedAt < (connection.ready ? BLOCK_MS : UNCONNECTED_MS)) continue
      group.byClock = connection.ready
      wake(group)
    }
  }

  /** In an immediate, because many groups may wait in the same tick. */
  function readSoon(): void {
    if (reading || groups.size === 0) return
    const now = performance.now()
    const wait = Math.max(soonest - now, fetches > 0 ? lingersUntil - now : 0)
    clearTimeout(timer)
    if (wait > 0) timer = setTimeout(readNow, wait)
    else immediate ??= setImmediate(readNow)
  }

  function readNow(): void {
    immediate = undefined
    if (reading || !connection.ready) return
    const left = [...groups.values()].filter((group) => isLeft(group) && group.after)
    if (left.length === 0) return
    const after = new Map<string, string>()
    const byKey = new Map<string, Group[]>()
    for (const group of left) {
      for (const [at, key] of group.keys.entries()) {
        const id = group.after?.[at] as string
        const before = after.get(key)
        if (before === undefined || isBelow(id, before)) after.set(key, id)
        const others = byKey.get(key)
        if (others) others.push(group)
        else byKey.set(key, [group])
      }
    }
    const read: Read = { groups: new Set(left), ending: false }
    reading = read
    soonest = performance.now() + after.size / KEYS_PER_MS
    const block = mayUnblock ? BLOCK_MS : left.length < groups.size ? SHORT_BLOCK_MS : LONG_BLOCK_MS
    connection.call('xread', 'COUNT', 1, 'BLOCK', block, 'STREAMS', ...after.keys(), ...after.values()).then(
      (reply) => {
        reading = undefined
        for (const [key] of (reply ?? []) as readonly [string, unknown][]) {
          lingersUntil = performance.now() + LINGER_MS
          for (const group of byKey.get(key) ?? []) if (isLeft(group)) wake(group)
        }
        if (woken.size === 0) readSoon()
      },
      (error: unknown) => {
        reading = undefined
        readFailed(error)
      },
    )
  }

  function readFailed(error: unknown): void {
    if (groups.size === 0) return
    soonest = performance.now() + RETRY_MS
    const code = replyCode(error)
    // The server became a replica.
    if (code === 'UNBLOCKED' || code === 'READONLY') connection.reconnect()
    // A key of a wrong type: its own group finds it when it fetches. The others go on.
    const isRefused = isReply(error) && !movedAway(error) && code !== 'UNBLOCKED' && code !== 'WRONGTYPE'
    for (const group of groups.values()) if (isLeft(group)) wake(group, isRefused ? error : undefined)
    readSoon()
  }

  function endSoon(read: Read): void {
    if (read.ending) return
    read.ending = true
    const wait = soonest - performance.now()
    if (wait > 0) setTimeout(() => end(read), wait)
    else end(read)
  }

  /** Tries until the read has ended, because it may not have arrived when it is to be unblocked. */
  function end(read: Read): void {
    if (reading !== read || !mayUnblock) return
    const again = (): void => void setTimeout(() => end(read), LINGER_MS)
    const line = commands()
    if (!line || client === undefined) return again()
    line.call('client', 'unblock', client).then(
      (done) => {
        if (done !== 1) again()
      },
      (error: unknown) => {
        refused(error)
        again()
      },
    )
  }

  function groupOf(keys: readonly string[], name: string): Group {
    const id = `${name} ${keys.join(' ')}`
    let group = groups.get(id)
    if (!group) {
      group = {
        keys,
        after: undefined,
        waiting: new Set(),
        members: 0,
        fetching: 0,
        fetchedAt: 0,
        byClock: false,
        moved: false,
      }
      groups.set(id, group)
    }
    return group
  }

  return {
    join(keys, name) {
      const group = groupOf(keys, name)
      const me: Waiting = { due: true, wake: () => {}, failed: undefined }
      group.members += 1

      function fetched(outcome: FetchOutcome | undefined): void {
        group.fetching -= 1
        fetches -= 1
        if (!outcome) me.due = true
        else {
          group.fetchedAt = performance.now()
          group.after = group.moved ? undefined : (outcome.after ?? undefined)
          // The read missed an entry: its server may be an old master.
          if (group.byClock && outcome.found > 0 && reading?.groups.has(group)) connection.reconnect()
          group.byClock = false
          // The member goes on, and wakes two: so all are woken soon while there is enough for all.
          if (!outcome.after) wake(group)
        }
        if (group.fetching === 0) group.moved = false
        changed(group)
        if (fetches === 0) readSoon()
      }

      return {
        wait(onWake) {
          if (me.failed !== undefined) {
            const error = me.failed
            me.failed = undefined
            throw error as Error
          }
          if (me.due || !group.after) return undefined
          me.wake = onWake
          group.waiting.add(me)
          changed(group)
          return () => void group.waiting.delete(me)
        },
        fetching() {
          me.due = false
          group.fetching += 1
          fetches += 1
          return fetched
        },
        again() {
          group.after = undefined
          group.moved = group.fetching > 0
          changed(group)
        },
        async leave() {
          group.waiting.delete(me)
          group.members -= 1
          if (group.members === 0) for (const [id, each] of groups) if (each === group) groups.delete(id)
          if (groups.size > 0) return
          clearTimeout(timer)
          clearImmediate(immediate)
          clearInterval(checking)
          ended()
          await connection.close()
        },
      }
    },
  }
}

/** Compares ids of streams. */
function isBelow(a: string, b: string): boolean {
  const [ms, number] = partsOf(a)
  const [otherMs, otherNumber] = partsOf(b)
  return ms === otherMs ? number < otherNumber : ms < otherMs
}

function partsOf(id: string): [bigint, bigint] {
  const [ms = '0', number = '0'] = id.split('-')
  return [BigInt(ms), BigInt(number)]
}
