import type { VNode } from 'preact'

import type { LiveGroup, StreamAnswer } from '../../../src/api-types.ts'
import { Count, loaded, Panel } from '../../components/basics.ts'
import { Chart } from '../../components/chart.ts'
import { Screen } from '../../components/screen.ts'
import { table } from '../../components/table.ts'
import { Text } from '../../components/text.ts'
import { Tile, Tiles } from '../../components/tiles.ts'
import { bytes, count, duration, rate } from '../../lib/format.ts'
import { html } from '../../lib/html.ts'
import { finishedOf, newest, type StreamPoint, useLiveStream } from '../../lib/live-stream.ts'
import { useLoad } from '../../lib/load.ts'
import { link } from '../../lib/router.ts'
import type { SpaceScreenProps } from '../props.ts'
import { Entries } from './entries.ts'
import { Groups } from './groups.ts'
import { Feed } from './feed.ts'

/** One stream: its groups, workers, rates and entries. */
export function StreamScreen({ space, rest, query }: SpaceScreenProps): VNode {
  const [name = ''] = rest
  const first = useLoad('stream', { space, stream: name })
  const live = useLiveStream(space, name)
  const answer = newest(first.data, first.atMs, live)
  const read = { ...first, data: answer }
  return html`<${Screen}
    title=${name}
    crumbs=${[{ text: 'Streams', href: link(['s', space, 'streams']) }]}
    sub=${answer ? describe(answer) : null}
    actions=${html`<a class="button" href=${link(['s', space, 'schedules'], { stream: name })}>Schedules</a>`}
  >
    ${loaded(read, (data) => {
      const entries = html`<${Entries}
        space=${space}
        stream=${name}
        query=${query}
        findable=${data.findable}
        tagged=${data.stream.tagged}
      />`
      // The result of a search is shown first.
      const searched = query['tags'] !== undefined
      return html`<${Numbers} answer=${data} />
        ${searched ? entries : null}
        <${Groups} space=${space} answer=${data} after=${first.reload} />
        <div class="columns"><${Rates} points=${live.points} /><${Amounts} points=${live.points} /></div>
        <${Times} groups=${live.state?.groups ?? []} />
        <div class="columns">
          <${Workers} answer=${data} /><${Feed} space=${space} stream=${name} events=${live.events} />
        </div>
        ${searched ? null : entries}`
    })}
  <//>`
}

function describe({ stream, bytes: size }: StreamAnswer): string {
  const kind = stream.kind === 'queue' ? 'Work queue' : 'Log: entries stay'
  return size === undefined ? kind : `${kind} · ${bytes(size)} in Redis`
}

function Numbers({ answer }: { readonly answer: StreamAnswer }): VNode {
  const { stream, addedPerSecond, overMs } = answer
  const sum = (of: (group: (typeof stream.groups)[number]) => number): number =>
    stream.groups.reduce((all, group) => all + of(group), 0)
  const dead = sum((group) => group.dead)
  const oldestMs = Math.max(0, ...stream.groups.map(({ oldestAgeMs }) => oldestAgeMs))

  return html`<${Tiles}>
    <${Tile} name="Entries stored" value=${count(stream.entries)} />
    <${Tile} name="Waiting and queued" value=${count(sum(({ waiting, queued }) => waiting + queued))} />
    <${Tile} name="Running" value=${count(sum(({ running }) => running))} />
    <${Tile} name="Delayed" value=${count(sum(({ delayed }) => delayed))} />
    <${Tile} name="Dead letters" value=${count(dead)} tone=${dead > 0 ? 'bad' : ''} />
    <${Tile} name="Added" value=${overMs > 0 ? rate(addedPerSecond) : '–'} />
    <${Tile} name="Finished" value=${overMs > 0 ? rate(finishedOf(answer)) : '–'} />
    <${Tile} name="Oldest entry" value=${duration(oldestMs)} tone=${oldestMs > 300_000 ? 'warn' : ''} />
  <//>`
}

const over = (points: readonly StreamPoint[], of: (point: StreamPoint) => number) =>
  points.map((point) => ({ atMs: point.atMs, value: of(point) }))

function Rates({ points }: { readonly points: readonly StreamPoint[] }): VNode {
  return html`<${Panel} title="Throughput">
    <${Chart}
      label="Entries added and finished per second"
      format=${rate}
      series=${[
        { name: 'Added', points: over(points, ({ addedPerSecond }) => addedPerSecond) },
        { name: 'Finished', points: over(points, ({ finishedPerSecond }) => finishedPerSecond) },
      ]}
    />
  <//>`
}

function Amounts({ points }: { readonly points: readonly StreamPoint[] }): VNode {
  return html`<${Panel} title="Entries by state">
    <${Chart}
      label="Waiting and running entries, and dead letters"
      format=${count}
      series=${[
        { name: 'Waiting', points: over(points, ({ waiting }) => waiting) },
        { name: 'Running', points: over(points, ({ running }) => running) },
        { name: 'Dead', points: over(points, ({ dead }) => dead) },
      ]}
    />
  <//>`
}

/** What the workers reported since this page was opened. */
function Times({ groups }: { readonly groups: readonly LiveGroup[] }): VNode | null {
  const busy = groups.filter(({ wait, run }) => wait ?? run)
  if (busy.length === 0) return null
  const ms = (value: number | undefined): string => (value === undefined ? '–' : duration(value))
  return html`<${Panel} title="Times of the last minutes">
    ${table({
      label: 'Wait and run times by group',
      rows: busy,
      keyOf: ({ name }) => name,
      columns: [
        { head: 'Group', cell: ({ name }) => html`<${Text} value=${name} most=${40} />` },
        { head: 'Wait p50', kind: 'end', cell: ({ wait }) => ms(wait?.p50) },
        { head: 'Wait p95', kind: 'end', cell: ({ wait }) => ms(wait?.p95) },
        { head: 'Run p50', kind: 'end', cell: ({ run }) => ms(run?.p50) },
        { head: 'Run p95', kind: 'end', cell: ({ run }) => ms(run?.p95) },
        { head: 'Longest run', kind: 'end', cell: ({ run }) => ms(run?.most) },
        { head: 'Done', kind: 'end', cell: ({ done }) => html`<${Count} value=${done} />` },
        {
          head: 'Failed attempts',
          kind: 'end',
          cell: ({ failed }) => html`<${Count} value=${failed} tone="warn" />`,
        },
        { head: 'Dead', kind: 'end', cell: ({ dead }) => html`<${Count} value=${dead} tone="bad" />` },
        { head: 'Seen for', kind: 'end', cell: ({ overMs }) => duration(overMs) },
      ],
    })}
  <//>`
}

const MOST_WORKERS = 50

function Workers({ answer: { groups } }: { readonly answer: StreamAnswer }): VNode {
  const rows = groups.flatMap(({ name, consumers }) =>
    consumers.map((consumer) => ({ ...consumer, group: name })),
  )
  return html`<${Panel} title="Workers">
    ${
      rows.length === 0
        ? html`<div class="state">
            <h3>No worker</h3>
            <p>Entries wait until a process starts a worker. Nothing is lost.</p>
          </div>`
        : table({
            label: 'Workers',
            rows: rows.slice(0, MOST_WORKERS),
            keyOf: ({ group, name }) => `${group} ${name}`,
            columns: [
              {
                head: 'Worker',
                cell: ({ name }) => html`<span class="mono"><${Text} value=${name} most=${40} /></span>`,
              },
              groups.length > 1 && {
                head: 'Group',
                cell: ({ group }) => html`<${Text} value=${group} most=${30} />`,
              },
              { head: 'Running', kind: 'end', cell: ({ running }) => html`<${Count} value=${running} />` },
              { head: 'Last command', kind: 'end', cell: ({ idleMs }) => `${duration(idleMs)} ago` },
            ],
          })
    }
    ${rows.length > MOST_WORKERS ? html`<footer>${count(rows.length - MOST_WORKERS)} more workers</footer>` : null}
  <//>`
}
