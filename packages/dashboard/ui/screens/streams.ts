import type { VNode } from 'preact'

import { Count, Empty, loaded, Panel } from '../components/basics.ts'
import { Screen } from '../components/screen.ts'
import { State } from '../components/states.ts'
import { type Column, Pager, table } from '../components/table.ts'
import { Text } from '../components/text.ts'
import type { Answer } from '../lib/api.ts'
import { count, duration } from '../lib/format.ts'
import { submitted } from '../lib/form.ts'
import { html } from '../lib/html.ts'
import { useLoad } from '../lib/load.ts'
import { link } from '../lib/router.ts'
import { pageOf, type SpaceScreenProps } from './props.ts'

type Stream = Answer<'streams'>['items'][number]
type Group = Stream['groups'][number]
interface Row {
  readonly stream: Stream
  /** Missing for a stream without groups. */
  readonly group: Group | undefined
  readonly first: boolean
}

/** The streams of a space, with a row for each group. */
export function Streams({ space, query }: SpaceScreenProps): VNode {
  const streams = useLoad('streams', { space, ...pageOf(query) })
  return html`<${Screen} title="Streams" sub="Work queues and logs, with their groups of workers">
    <${Panel} title="Streams" actions=${html`<${StreamSearch} space=${space} />`}>
      ${loaded(streams, ({ items, next }) =>
        items.length === 0 && next === undefined
          ? html`<${Empty} title="No stream in this space"
              >A process registers its streams five seconds after <code>createStream</code>.<//
            >`
          : html`<${StreamTable} space=${space} streams=${items} /><${Pager}
                shown=${items.length}
                next=${next}
              />`,
      )}
    <//>
  <//>`
}

/** Opens a stream by its name, which the list may show on a later page. */
function StreamSearch({ space }: { readonly space: string }): VNode {
  function open(event: SubmitEvent): void {
    const name = submitted(event, 'name')
    if (name !== '') location.hash = link(['s', space, 'streams', name])
  }
  return html`<form class="actions" onSubmit=${open}>
    <input
      name="name"
      data-search
      aria-label="Open a stream by its name"
      placeholder="Name of a stream"
      autocomplete="off"
    />
    <button type="submit">Open</button>
  </form>`
}

function StreamTable({
  space,
  streams,
}: {
  readonly space: string
  readonly streams: readonly Stream[]
}): VNode {
  const rows = streams.flatMap((stream): Row[] =>
    stream.groups.length === 0
      ? [{ stream, group: undefined, first: true }]
      : stream.groups.map((group, at) => ({ stream, group, first: at === 0 })),
  )
  const number = (head: string, of: (group: Group) => number, tone: '' | 'bad' = ''): Column<Row> => ({
    head,
    kind: 'end',
    cell: ({ group }) => (group ? html`<${Count} value=${of(group)} tone=${tone} />` : '–'),
  })
  return html`${table({
    label: 'Streams',
    rows,
    keyOf: ({ stream, group }) => `${stream.name} ${group?.name ?? ''}`,
    columns: [
      {
        head: 'Stream',
        cell: ({ stream, first }) => {
          const name = html`<a
            href=${link(['s', space, 'streams', stream.name])}
            class=${first ? '' : 'muted'}
            ><${Text} value=${stream.name} most=${60} plain=${true}
          /></a>`
          return stream.kind === 'log' && first ? html`${name} <span class="badge">log</span>` : name
        },
      },
      {
        head: 'Group',
        cell: ({ group }) => (group ? html`<${Text} value=${group.name} most=${40} />` : '–'),
      },
      { head: 'State', cell: ({ group }) => (group ? html`<${State} of=${group.state} />` : '–') },
      {
        head: 'Waiting',
        kind: 'end',
        cell: ({ group }) =>
          group ? html`${group.exact ? '' : '≈ '}<${Count} value=${group.waiting} />` : '–',
      },
      number('Running', ({ running }) => running),
      number('Delayed', ({ delayed }) => delayed),
      number('Queued', ({ queued }) => queued),
      {
        head: 'Dead',
        kind: 'end',
        cell: ({ stream, group }) =>
          group && group.dead > 0
            ? html`<a class="badge bad" href=${link(['s', space, 'dead', stream.name, group.name])}
                >${count(group.dead)}</a
              >`
            : html`<${Count} value=${0} />`,
      },
      {
        head: 'Oldest',
        kind: 'end',
        cell: ({ group }) => (group && group.oldestAgeMs > 0 ? duration(group.oldestAgeMs) : '–'),
      },
      number('Workers', ({ workers }) => workers),
    ],
  })}`
}
