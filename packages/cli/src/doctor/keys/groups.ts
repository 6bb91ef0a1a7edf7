import type { Cluster, Redis } from 'ioredis'

import { allPages } from '../../pages.ts'
import type { Session } from '../../session.ts'

/** A group that no worker reads. */
export interface UnreadGroup {
  readonly space: string
  readonly stream: string
  readonly group: string
  /** False if the last process that created the stream did not name the group; undefined for a log, which names none. */
  readonly declared: boolean | undefined
  readonly waiting: number
  readonly dead: number
  /** Milliseconds since a worker of the group sent a command; undefined if Redis knows none. */
  readonly unreadForMs: number | undefined
}

/** Groups whose last read is asked for. */
const MOST_ASKED = 1000

/** What is known of a stream. */
export interface About {
  /** Its registered options. */
  readonly options: unknown
  /** Groups that its keys name. */
  readonly named: ReadonlySet<string>
}

/** The groups of the registered streams of a space that no worker reads. */
export async function unreadGroups(
  { inspector, raw, reply, signal }: Session,
  space: string,
  about: (stream: string) => About,
): Promise<readonly UnreadGroup[]> {
  const found: UnreadGroup[] = []
  for (const { name: stream, groups } of await allPages((page) => inspector.streams(space, page))) {
    const { options, named } = about(stream)
    const declared = declaredIn(options)
    const add = (group: string, waiting: number, dead: number, unreadForMs: number | undefined): void =>
      void found.push({
        space,
        stream,
        group,
        declared: declared?.includes(group),
        waiting,
        dead,
        unreadForMs,
      })
    for (const { name: group, workers, waiting, dead } of groups) {
      if (workers > 0) continue
      const asked = found.length < MOST_ASKED && !signal.aborted
      add(group, waiting, dead, asked ? await reply(sinceRead(raw, space, stream, group)) : undefined)
    }
    const known = new Set(groups.map((each) => each.name))
    for (const group of named) if (!known.has(group)) add(group, 0, 0, undefined)
  }
  return found
}

function declaredIn(options: unknown): readonly unknown[] | undefined {
  const { groups } = (options ?? {}) as { readonly groups?: unknown }
  return Array.isArray(groups) ? groups : undefined
}

/** The shortest idle time of the group's consumers. */
async function sinceRead(
  raw: Redis | Cluster,
  space: string,
  stream: string,
  group: string,
): Promise<number | undefined> {
  try {
    const consumers = await raw.xinfo('CONSUMERS', `pk1:{${space}}:stream:${stream}`, group)
    const idle = (consumers as readonly unknown[][]).map((fields) =>
      Number(fields[fields.indexOf('idle') + 1]),
    )
    return idle.length === 0 ? undefined : Math.min(...idle)
  } catch {
    // No such stream or group, or no right to ask.
    return undefined
  }
}
