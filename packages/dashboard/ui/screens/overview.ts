import type { VNode } from 'preact'

import type { OverviewAnswer, ServerCheck, SpaceTotals } from '../../src/api-types.ts'
import { Badge, Count, Empty, Panel, Skeleton, Time } from '../components/basics.ts'
import { Spark } from '../components/chart.ts'
import { Screen } from '../components/screen.ts'
import { State } from '../components/states.ts'
import { table } from '../components/table.ts'
import { Text } from '../components/text.ts'
import { Tile, Tiles } from '../components/tiles.ts'
import { bytes, count, duration, plural, rate } from '../lib/format.ts'
import { html } from '../lib/html.ts'
import { seriesOf, useLive } from '../lib/live.ts'
import { link } from '../lib/router.ts'

export function Overview(): VNode {
  const { overview } = useLive()
  return html`<${Screen} title="Overview" sub=${overview ? html`<${Summary} overview=${overview} />` : null}>
    ${overview === undefined ? html`<${Panel} title="Overview"><${Skeleton} /><//>` : html`<${Content} overview=${overview} />`}
  <//>`
}

function Summary({ overview: { server, redis } }: { readonly overview: OverviewAnswer }): VNode {
  if (server === undefined || redis.status === 'unavailable')
    return html`<${State} of="problem" /> Redis does not answer`
  const { kind, version, uptimeMs } = server
  return html`${kind === 'valkey' ? 'Valkey' : 'Redis'} ${version ?? ''} · answers in
  ${redis.latencyMs === undefined ? '–' : `${redis.latencyMs.toFixed(1)} ms`}${
    uptimeMs === undefined ? '' : ` · up for ${duration(uptimeMs)}`
  }`
}

function Content({ overview }: { readonly overview: OverviewAnswer }): VNode {
  const { spaces, more, checks } = overview
  if (overview.redis.status === 'unavailable' && spaces.length === 0) {
    return html`<${Panel} title="Spaces"
      ><${Empty} title="Redis does not answer"
        >The numbers appear as soon as Redis is back. See “Redis is away” in the guide for incidents.<//
      ><//
    >`
  }
  return html`<${Numbers} spaces=${spaces} />
    <${Attention} spaces=${spaces} />
    <${Spaces} spaces=${spaces} more=${more} />
    <div class="columns"><${Checks} checks=${checks} /><${Server} overview=${overview} /></div>`
}

const sum = (spaces: readonly SpaceTotals[], of: (totals: SpaceTotals) => number | undefined): number =>
  spaces.reduce((all, totals) => all + (of(totals) ?? 0), 0)

function Numbers({ spaces }: { readonly spaces: readonly SpaceTotals[] }): VNode {
  const { history } = useLive()
  const known = spaces.some(({ addedPerSecond }) => addedPerSecond !== undefined)
  const dead = sum(spaces, (totals) => totals.dead)
  const oldestMs = Math.max(0, ...spaces.map((totals) => totals.oldestAgeMs))
  return html`<${Tiles}>
    <${Tile} name="Waiting and queued" value=${count(sum(spaces, ({ waiting, queued }) => waiting + queued))}>
      <${Spark} points=${seriesOf(history, ({ waiting, queued }) => waiting + queued)} />
    <//>
    <${Tile} name="Running" value=${count(sum(spaces, ({ running }) => running))}>
      <${Spark} points=${seriesOf(history, ({ running }) => running)} />
    <//>
    <${Tile} name="Delayed" value=${count(sum(spaces, ({ delayed }) => delayed))}>
      <${Spark} points=${seriesOf(history, ({ delayed }) => delayed)} />
    <//>
    <${Tile} name="Dead letters" value=${count(dead)} tone=${dead > 0 ? 'bad' : ''}>
      <${Spark} points=${seriesOf(history, (point) => point.dead)} />
    <//>
    <${Tile} name="Added" value=${known ? rate(sum(spaces, ({ addedPerSecond }) => addedPerSecond)) : '–'}>
      <${Spark} points=${seriesOf(history, ({ addedPerSecond }) => addedPerSecond)} />
    <//>
    <${Tile}
      name="Finished"
      value=${known ? rate(sum(spaces, ({ finishedPerSecond }) => finishedPerSecond)) : '–'}
    >
      <${Spark} points=${seriesOf(history, ({ finishedPerSecond }) => finishedPerSecond)} />
    <//>
    <${Tile} name="Oldest entry" value=${duration(oldestMs)} tone=${oldestMs > 300_000 ? 'warn' : ''} />
  <//>`
}

const MOST_ATTENTION = 50

function Attention({ spaces }: { readonly spaces: readonly SpaceTotals[] }): VNode {
  const groups = spaces.flatMap(({ space, attention }) => attention.map((group) => ({ ...group, space })))
  const all = sum(spaces, ({ attentionCount }) => attentionCount)
  const shown = groups.slice(0, MOST_ATTENTION)
  return html`<${Panel} title="Needs attention">
    ${
      groups.length === 0
        ? html`<div class="body">
            <${Badge} tone="ok">ok<//> No group is paused, behind, without workers or has dead letters.
          </div>`
        : html`${table({
            label: 'Groups that need attention',
            rows: shown,
            keyOf: (group) => `${group.space}/${group.stream}/${group.name}`,
            columns: [
              {
                head: 'Stream',
                cell: ({ space, stream }) =>
                  html`<a href=${link(['s', space, 'streams', stream])}
                      ><${Text} value=${stream} most=${60} plain=${true} /></a
                    >${
                      spaces.length > 1
                        ? html` <span class="muted"
                            ><${Text} value=${space} most=${30} plain=${true}
                          /></span>`
                        : null
                    }`,
              },
              { head: 'Group', cell: ({ name }) => html`<${Text} value=${name} most=${40} />` },
              { head: 'State', cell: ({ state }) => html`<${State} of=${state} />` },
              { head: 'Waiting', kind: 'end', cell: ({ waiting }) => html`<${Count} value=${waiting} />` },
              { head: 'Queued', kind: 'end', cell: ({ queued }) => html`<${Count} value=${queued} />` },
              {
                head: 'Dead',
                kind: 'end',
                cell: ({ space, stream, name, dead }) =>
                  dead === 0
                    ? html`<${Count} value=${0} />`
                    : html`<a href=${link(['s', space, 'dead', stream, name])}>${count(dead)}</a>`,
              },
              { head: 'Workers', kind: 'end', cell: ({ workers }) => html`<${Count} value=${workers} />` },
              { head: 'Oldest', kind: 'end', cell: ({ oldestAgeMs }) => duration(oldestAgeMs) },
            ],
          })}
          ${all > shown.length ? html`<footer>${count(all - shown.length)} more groups: open the streams of a space</footer>` : null}`
    }
  <//>`
}

function Spaces({
  spaces,
  more,
}: {
  readonly spaces: readonly SpaceTotals[]
  readonly more: boolean
}): VNode {
  if (spaces.length === 0) {
    return html`<${Panel} title="Spaces"
      ><${Empty} title="Nothing is registered yet"
        >A process registers its streams, limiters and boards five seconds after it created them.<//
      ><//
    >`
  }
  return html`<${Panel} title="Spaces">
    ${table({
      label: 'Spaces',
      rows: spaces,
      keyOf: ({ space }) => space,
      columns: [
        {
          head: 'Space',
          cell: ({ space }) =>
            html`<a href=${link(['s', space, 'streams'])}
              ><${Text} value=${space} most=${60} plain=${true}
            /></a>`,
        },
        {
          head: 'Streams',
          kind: 'end',
          cell: ({ objects }) => html`<${Count} value=${objects.stream ?? 0} />`,
        },
        {
          head: 'Limiters',
          kind: 'end',
          cell: ({ objects }) => html`<${Count} value=${objects.limiter ?? 0} />`,
        },
        {
          head: 'Boards',
          kind: 'end',
          cell: ({ objects }) => html`<${Count} value=${objects.leaderboard ?? 0} />`,
        },
        { head: 'Waiting', kind: 'end', cell: ({ waiting }) => html`<${Count} value=${waiting} />` },
        { head: 'Queued', kind: 'end', cell: ({ queued }) => html`<${Count} value=${queued} />` },
        { head: 'Running', kind: 'end', cell: ({ running }) => html`<${Count} value=${running} />` },
        { head: 'Delayed', kind: 'end', cell: ({ delayed }) => html`<${Count} value=${delayed} />` },
        { head: 'Dead', kind: 'end', cell: ({ dead }) => html`<${Count} value=${dead} tone="bad" />` },
        {
          head: 'Added',
          kind: 'end',
          cell: ({ addedPerSecond }) => (addedPerSecond === undefined ? '–' : rate(addedPerSecond)),
        },
      ],
    })}
    ${more ? html`<footer><a href=${link(['spaces'])}>All spaces</a></footer>` : null}
  <//>`
}

function Checks({ checks }: { readonly checks: readonly ServerCheck[] }): VNode {
  const bad = checks.filter(({ status }) => status !== 'ok')
  const fine = checks.length - bad.length
  return html`<${Panel} title="Checks of the server">
    ${
      bad.length === 0
        ? html`<div class="body"><${Badge} tone="ok">ok<//> ${plural(fine, 'check')} passed.</div>`
        : html`<ul class="checks">
              ${bad.map(
                ({ check, status, text, fix }) =>
                  html`<li>
                    <div><${State} of=${status} /> <strong>${check}</strong></div>
                    <p><${Text} value=${text} most=${300} /></p>
                    ${fix ? html`<p class="muted"><${Text} value=${fix} most=${300} /></p>` : null}
                  </li>`,
              )}
            </ul>
            <footer>${plural(fine, 'other check')} passed</footer>`
    }
  <//>`
}

function Server({ overview: { server, redis, atMs } }: { readonly overview: OverviewAnswer }): VNode {
  const fact = (name: string, value: unknown): unknown =>
    value === undefined
      ? null
      : html`<dt>${name}</dt>
          <dd>${value}</dd>`
  return html`<${Panel} title="Server">
    <div class="body">
      ${
        server === undefined
          ? html`<p class="muted">Redis does not answer.</p>`
          : html`<dl class="facts">
              ${fact('Memory', memoryText(server))}
              ${fact('Eviction policy', server.evictionPolicy && html`<code>${server.evictionPolicy}</code>`)}
              ${fact(
                'Append-only file',
                server.appendOnly === undefined
                  ? undefined
                  : server.appendOnly
                    ? 'on'
                    : 'off: a crash loses the last writes',
              )}
              ${fact('Clients', server.clients === undefined ? undefined : count(server.clients))}
              ${fact('Commands', server.commandsPerSecond === undefined ? undefined : rate(server.commandsPerSecond))}
              ${fact('Calls in flight', count(redis.pending))} ${fact('Read', html`<${Time} atMs=${atMs} />`)}
            </dl>`
      }
    </div>
  <//>`
}

function memoryText({ usedMemoryBytes, maxMemoryBytes }: NonNullable<OverviewAnswer['server']>): string {
  if (!maxMemoryBytes) return `${bytes(usedMemoryBytes)}, no maxmemory`
  const percent = Math.round((usedMemoryBytes / maxMemoryBytes) * 100)
  return `${bytes(usedMemoryBytes)} of ${bytes(maxMemoryBytes)} (${percent} %)`
}
