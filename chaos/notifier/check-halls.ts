import type { Claims } from '../harness/claims.ts'
import type { Timed } from '../harness/journal.ts'
import type { Record } from './records.ts'

type Journals = ReadonlyMap<string, readonly Timed<Record>[]>

/** Checks the events of who came and went, as somebody saw them and as the history has them in the end. */
export function checkHalls(claims: Claims, journals: Journals, count: (what: string) => void): void {
  const seen = claims.claim(
    'of each member joined and left take turns, for every client that follows them without a reset',
  )
  const kept = claims.claim(
    'in the history joined and left of each member take turns, and the first is joined',
  )
  const listed = claims.claim(
    'after the last fault the last event of a member says whether it is on the list',
  )
  for (const [life, records] of journals) {
    const there = new Map<string, boolean>()
    for (const record of records) {
      if (record.k === 'gap') {
        for (const place of there.keys())
          if (place.startsWith(`${record.h} ${record.c} `)) there.delete(place)
      } else if (record.k === 'came' || record.k === 'went') {
        const place = `${record.h} ${record.c} ${record.m}`
        const came = record.k === 'came'
        count('members seen that came or went')
        seen(
          there.get(place) !== came,
          () => `${life}, t ${Math.round(record.t)}: ${place} ${record.k} twice`,
        )
        there.set(place, came)
      }
    }
  }
  const last = new Map<string, boolean>()
  for (const records of journals.values()) {
    for (const record of records) {
      if (record.k !== 'in the history') continue
      const place = `${record.c} ${record.m}`
      kept(
        (last.get(place) ?? false) !== record.joined,
        () => `${place} ${record.joined ? 'joined' : 'left'} twice`,
      )
      last.set(place, record.joined)
    }
  }
  for (const records of journals.values()) {
    for (const record of records) {
      if (record.k !== 'in the end') continue
      const joined = [...last]
        .filter(([place, is]) => is && place.startsWith(`${record.c} `))
        .map(([place]) => place.slice(record.c.length + 1))
        .toSorted()
      listed(
        JSON.stringify(joined) === JSON.stringify(record.members),
        () => `${record.c}: ${joined.join(', ')} joined last, but ${record.members.join(', ')} are there`,
      )
    }
  }
}
