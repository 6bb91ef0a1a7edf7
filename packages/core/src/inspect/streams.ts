import { badReply, readReply } from '../redis/failures.ts'
import type { Space } from '../redis/penknife.ts'
import type { Reply } from '../redis/script.ts'
import { inspectGroup } from '../redis/scripts.gen.ts'
import { parsedOptions } from './opened.ts'
import type { Registered } from './registered.ts'
import type { InspectedGroup, InspectedGroupState, InspectedStream } from './types.ts'

/** Script calls that wait for a reply at once. */
const AT_ONCE = 64

/**
 * Reads the groups of registered streams. One item of a script for each group, and another one for each group that no process has
 * declared; 16 in a call.
 */
export async function readStreams(
  space: Space,
  registered: readonly Registered[],
): Promise<readonly InspectedStream[]> {
  const { keys, bind } = space.runtime
  // Bound once, so that the calls of a tick are batched.
  const port = bind(inspectGroup, [])
  const read: ReadGroup = (stream, group) =>
    port(
      keys.route,
      keys.stream(stream),
      keys.ready(stream, group),
      keys.delayed(stream, group),
      keys.deadLetters(stream, group),
      keys.paused(stream, group),
      keys.busyPlaces(stream, group),
      keys.queued(stream, group),
      keys.low(stream, group),
      group,
    )
  const found: InspectedStream[] = []
  for (let at = 0; at < registered.length; at += AT_ONCE) {
    const part = registered.slice(at, at + AT_ONCE)
    found.push(...(await Promise.all(part.map((each) => readStream(space.name, read, each)))))
  }
  return found
}

type ReadGroup = (stream: string, group: string) => Promise<readonly Reply[]>

async function readStream(
  space: string,
  read: ReadGroup,
  { member, seenAtMs, text }: Registered,
): Promise<InspectedStream> {
  const options: { readonly groups?: unknown; readonly retain?: unknown; readonly tagged?: unknown } =
    parsedOptions(text) ?? {}
  const declared = groupNames(options.groups)
  const of = (group: string): Promise<readonly Reply[]> => read(member, group)

  // Without a group the names of the stream's groups are still needed.
  const names = declared.length > 0 ? declared : ['-']
  const replies = await Promise.all(names.map(of))
  const existing = groupNames(replies[0]?.slice(12))
  const others = existing.filter((name) => !declared.includes(name))
  const more = await Promise.all(others.map(of))
  const [length] = replies[0] ?? []
  if (typeof length !== 'number') throw badReply(inspectGroup.name, 'the first value is not a number')
  const added = Math.max(...replies.map((reply) => Number(reply[11])))
  return {
    space,
    name: member,
    kind: declared.length > 0 && options.retain === undefined ? 'queue' : 'log',
    entries: length,
    added: added >= 0 ? added : undefined,
    seenAtMs,
    tagged: options.tagged !== undefined,
    groups: readReply(inspectGroup.name, () => [
      ...declared.map((name, at) => toGroup(name, replies[at] ?? [])),
      ...others.map((name, at) => toGroup(name, more[at] ?? [])),
    ]),
  }
}

/** What may be the name of a group; another program may have written the rest. */
function groupNames(names: unknown): readonly string[] {
  return Array.isArray(names)
    ? names.filter((name): name is string => typeof name === 'string' && /^[\w.-]{1,64}$/.test(name))
    : []
}

function toGroup(name: string, reply: readonly Reply[]): InspectedGroup {
  const [
    ,
    waiting = 0,
    exact,
    running = 0,
    delayed = 0,
    queued = 0,
    dead = 0,
    pause = -2,
    age = 0,
    workers = 0,
  ] = reply as readonly number[]
  const group = {
    name,
    waiting,
    exact: exact === 1,
    running,
    delayed,
    queued,
    dead,
    oldestAgeMs: age,
    paused: pause !== -2,
    resumesInMs: pause >= 0 ? pause : undefined,
    workers,
  }
  return { ...group, state: stateOf(group) }
}

const OLD_MS = 300_000

function stateOf({
  paused,
  waiting,
  queued,
  workers,
  dead,
  oldestAgeMs,
}: Omit<InspectedGroup, 'state'>): InspectedGroupState {
  if (paused) return 'paused'
  if (waiting + queued > 0 && workers === 0) return 'no-worker'
  if (oldestAgeMs > OLD_MS) return 'behind'
  return dead > 0 ? 'dead-letters' : 'ok'
}
