import { followJournals } from '../harness/journal.ts'
import type { ClientRecord } from './records.ts'

/** The position of each client in each of its channels, from the records so far. */
export interface Arrivals {
  /** Describes the clients of so many processes that have no position in a channel yet. */
  nowhere(processes: number): readonly string[]
  /** Describes the clients that are not at the end of a channel. */
  behind(ends: ReadonlyMap<string, string>): readonly string[]
}

export function createArrivals(folder: string): Arrivals {
  const news = followJournals<ClientRecord>(folder)
  /** The last position of each client in each of its channels. */
  const clients = new Map<string, Map<string, string | undefined>>()

  function note(life: string, record: ClientRecord): void {
    const client = `${life.slice(0, life.lastIndexOf('.'))}#${record.w}`
    const positions = clients.get(client) ?? new Map<string, string | undefined>()
    clients.set(client, positions)
    if (record.k === 'follows') {
      for (const channel of record.channels) if (!positions.has(channel)) positions.set(channel, undefined)
    } else if ('cursor' in record) {
      for (const [channel, id] of new URLSearchParams(record.cursor))
        if (positions.has(channel)) positions.set(channel, id)
    }
  }

  function those(fails: (channel: string, id: string | undefined) => boolean): readonly string[] {
    for (const [life, record] of news()) if ('w' in record) note(life, record)
    return [...clients].flatMap(([client, positions]) =>
      [...positions]
        .filter(([channel, id]) => fails(channel, id))
        .map(([channel, id]) => `${client} is ${id === undefined ? 'nowhere' : `at ${id}`} in ${channel}`),
    )
  }

  return {
    nowhere(processes) {
      const left = those((_, id) => id === undefined)
      const there = new Set([...clients.keys()].map((client) => client.replace(/#.*/, ''))).size
      return there < processes ? [...left, `${processes - there} processes`] : left
    },
    behind: (ends) => those((channel, id) => !id?.startsWith(`${ends.get(channel)}-`)),
  }
}
