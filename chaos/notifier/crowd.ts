import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { send } from '../../scripts/redis/resp.ts'
import type { Part } from '../harness/cast.ts'
import { followJournals, type Journal } from '../harness/journal.ts'
import type { Start } from './clients.ts'
import { hallKey, HALLS, QUIET } from './halls.ts'
import type { HallRecord, Record } from './records.ts'

/** Who watches a board and the halls: the processes that change them, and one that watches. */
export interface Crowd {
  /** Processes that may be killed. */
  readonly guests: readonly Part[]
  readonly watcher: Part
  /** Whether each view and each list was seen at least once. */
  begun(): boolean
  /** Ends the changes. Resolves when the last one is confirmed. */
  rest(): Promise<void>
  /** Describes the views without the last state of the board, and the lists that are not those of who is there. */
  behind(): readonly string[]
  /** Records what Redis has in the end. */
  keep(socket: string): Promise<void>
  end(): Promise<void>
}

export const CROWD_PROGRAMS = ['notifier/scorer', 'notifier/guests', 'notifier/watcher'] as const

export function startCrowd(start: Start, folder: string, port: number, journal: Journal<HallRecord>): Crowd {
  const scorer = start('scorer-1', 'notifier/scorer', {})
  const guests = [1, 2].map((nth) => start(`guests-${nth}`, 'notifier/guests', {}))
  const watcher = start('watcher-1', 'notifier/watcher', { port })
  const news = followJournals<Record>(folder)
  const pictures = new Map<number, number | null>()
  const lists = new Map<string, string>()
  const stays = new Map<string, readonly (readonly string[])[]>()
  let state = 0

  function look(): void {
    for (const [life, record] of news()) {
      if (record.k === 'picture') pictures.set(record.v, record.n)
      else if (record.k === 'present') lists.set(record.c, JSON.stringify(record.members))
      else if (record.k === 'stays') stays.set(life, record.at)
      else if (record.k === 'scored') state = record.n
    }
  }

  function guestsIn(hall: string): readonly string[] {
    const there = guests.flatMap(({ life }) => (stays.get(life) ?? []).filter(([place]) => place === hall))
    return [...new Set(there.map(([, guest]) => guest as string))].toSorted()
  }

  return {
    guests,
    watcher,
    begun() {
      look()
      return pictures.size === 3 && lists.size === HALLS.length
    },
    async rest() {
      writeFileSync(join(folder, QUIET), '')
      if ((await scorer.end()) !== 0) throw new Error('the scorer failed')
    },
    behind() {
      look()
      return [
        ...[...pictures]
          .filter(([, n]) => n !== state)
          .map(([v, n]) => `view ${v} shows ${n} and not ${state}`),
        ...guests.filter(({ life }) => !stays.has(life)).map(({ life }) => `${life} has not come to rest`),
        ...HALLS.flatMap((hall) => {
          const there = JSON.stringify(guestsIn(hall))
          return lists.get(hall) === there
            ? []
            : [`the list of ${hall} is ${lists.get(hall)} and not ${there}`]
        }),
      ]
    },
    async keep(socket) {
      for (const c of HALLS) {
        const entries = (await send({ socket }, ['XRANGE', hallKey(c), '-', '+'])) as [string, string[]][]
        for (const [, fields] of entries) {
          const valueOf = (name: string): string => fields[fields.indexOf(name) + 1] as string
          const { member } = JSON.parse(valueOf('d')) as { readonly member: string }
          journal.write({ k: 'in the history', c, m: member, joined: valueOf('t') === 'joined' })
        }
        journal.write({ k: 'in the end', c, members: guestsIn(c) })
      }
    },
    async end() {
      await Promise.all([watcher, ...guests].map((part) => part.end()))
    },
  }
}
