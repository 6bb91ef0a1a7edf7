import { detached } from '../detached.ts'
import { warn } from '../warn.ts'
import type { Keys, RegistryKeys } from './keys.ts'
import type { Port } from './runner.ts'
import type { spaceRegister } from './scripts.gen.ts'
import type { Feature } from './server.ts'

/** How long an object stays registered after the last process registered it. */
export const REGISTERED_MS: number = 30 * 86_400_000
/** The most objects of a space, and the most spaces of a server, that are registered. */
const MOST = 10_000
/** The most objects that one process registers. */
const MOST_HERE = 2000
/**
 * How long a process collects what its features register. A process that ends earlier registers nothing. Tests that count the calls of
 * other features make it longer.
 */
export const FIRST: { ms: number } = { ms: 5000 }
/** How often a process registers its objects again. */
const AGAIN_MS = 600_000
/** How soon it tries again what could not be sent. */
const RETRY_MS = 10_000
/** The longest text of an object's options. With longer ones a tool can list the object, and not open it. */
const LONGEST = 16_384

/** Registers the objects of a process, so that tools find them: a name and plain options, never a reference to an object. */
export interface Registry {
  /** Remembers an object. It is registered with all others some seconds later, and then every ten minutes. */
  add(keys: Keys, space: string, feature: Feature, name: string, options: object): void
  /**
   * Registers at once what is not registered yet, also on a connection that is still opening. Resolves when Redis has it or refused it, or
   * after the deadline; never rejects.
   */
  flush(): Promise<void>
  close(): void
}

interface Listed {
  readonly keys: RegistryKeys
  readonly member: string
  readonly options: string
}

/**
 * Cost: for each object three ZADD and HSET, one ZRANGE and three PEXPIRE, once per process and every ten minutes, batched. Nothing
 * waits for it. A refusal of Redis is reported like that of any call (`health().refused`), and leaves the features as they are.
 */
export function createRegistry(
  register: Port<NonNullable<(typeof spaceRegister)['types']>['item'], number>,
  isReady: (slot: number) => boolean,
): Registry {
  /** What this process registers, by key and member. */
  const listed = new Map<string, Listed>()
  const due = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let timerAt = 0
  let refreshAt = Infinity
  let closed = false
  let warned = false
  /** Settles when all calls that were sent are over. */
  let sending: Promise<unknown> = Promise.resolve()

  function remember(keys: RegistryKeys, member: string, options: string): void {
    const id = `${keys.names} ${member}`
    if (listed.get(id)?.options === options) return
    if (listed.size >= MOST_HERE) forgetFirst()
    listed.set(id, { keys, member, options })
    due.add(id)
  }

  function forgetFirst(): void {
    if (!warned) {
      warned = true
      warn(
        'PENKNIFE_MANY_OBJECTS',
        `this process has more than ${MOST_HERE} objects and spaces: the oldest are registered no longer, so tools do not list them, and ` +
          "'penknife doctor --keys' takes their keys for unused after 30 days. Use fewer names, with ids as subjects, keys or channels",
      )
    }
    const [first] = listed.keys()
    listed.delete(first as string)
    due.delete(first as string)
  }

  /** Sends in so many milliseconds, or earlier if that was planned. */
  function wake(ms: number): void {
    const at = performance.now() + ms
    if (closed || (timer !== undefined && timerAt <= at)) return
    clearTimeout(timer)
    timerAt = at
    timer = detached(() => setTimeout(tick, ms).unref())
  }

  function tick(): void {
    timer = undefined
    const now = performance.now()
    if (now >= refreshAt) {
      for (const id of listed.keys()) due.add(id)
      refreshAt = now + AGAIN_MS
    }
    // What could not be sent is tried again soon, what was refused with all the others.
    // Without a connection a call would only wait until its deadline.
    void send((id) => isReady((listed.get(id) as Listed).keys.route.slot)).then(() =>
      wake(due.size > 0 ? RETRY_MS : Math.max(RETRY_MS, refreshAt - performance.now())),
    )
  }

  async function send(chosen: (id: string) => boolean): Promise<void> {
    const sent = closed ? [] : [...due].filter(chosen)
    if (sent.length > 0 && refreshAt === Infinity) refreshAt = performance.now() + AGAIN_MS
    for (const id of sent) due.delete(id)
    sending = Promise.all([sending, ...sent.map(sendOne)]).then(() => {})
    await sending
  }

  async function sendOne(id: string): Promise<void> {
    const { keys, member, options } = listed.get(id) as Listed
    const { route, names, seen, options: hash } = keys
    try {
      await register(route, names, seen, hash, member, options, REGISTERED_MS, MOST)
    } catch {
      if (!isReady(route.slot) && listed.has(id)) due.add(id)
    }
  }

  return {
    add(keys, space, feature, name, options) {
      remember(keys.registry, `${feature} ${name}`, textOf(options))
      remember(keys.spaces, space, '')
      if (due.size > 0) wake(FIRST.ms)
    },
    flush: () => send(() => true),
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}

/** Plain options as JSON; empty if they are too long or cannot be represented. */
function textOf(options: object): string {
  try {
    const text = JSON.stringify(options)
    return text.length <= LONGEST ? text : ''
  } catch {
    return ''
  }
}
