import type { VNode } from 'preact'

import type { ScheduleRow } from '../../src/api-types.ts'
import { AskButton, RunButton } from '../components/actions.ts'
import { Badge, Empty, loaded, Panel, Time } from '../components/basics.ts'
import { Screen } from '../components/screen.ts'
import { Pager, table } from '../components/table.ts'
import { DataLine, Text } from '../components/text.ts'
import { act } from '../lib/api.ts'
import { duration } from '../lib/format.ts'
import { visible } from '../lib/hostile.ts'
import { html } from '../lib/html.ts'
import { useLoad } from '../lib/load.ts'
import { link } from '../lib/router.ts'
import { useMayAct } from '../lib/session.ts'
import { pageOf, type SpaceScreenProps } from './props.ts'

/** The schedules of a space, or of one stream. */
export function Schedules({ space, query }: SpaceScreenProps): VNode {
  const stream = query['stream']
  const schedules = useLoad('schedules', {
    space,
    ...(stream === undefined ? {} : { stream }),
    ...pageOf(query),
  })
  const mayAct = useMayAct()
  return html`<${Screen}
    title="Schedules"
    sub=${
      stream === undefined
        ? 'Entries that are added at certain times'
        : html`Of the stream <strong><${Text} value=${stream} most=${60} plain=${true} /></strong>.
            <a href=${link(['s', space, 'schedules'])}>Show all</a>`
    }
  >
    <${Panel} title="Schedules">
      ${loaded(schedules, ({ items, next }) =>
        items.length === 0 && next === undefined
          ? html`<${Empty} title="No schedule"
              >Code declares one with <code>stream.schedule(id, { cron, payload })</code>.<//
            >`
          : html`${table({
                label: 'Schedules',
                rows: items,
                keyOf: ({ stream: name, id }) => `${name} ${id}`,
                columns: [
                  {
                    head: 'Schedule',
                    cell: ({ id }) => html`<strong><${Text} value=${id} most=${60} /></strong>`,
                  },
                  {
                    head: 'Stream',
                    cell: ({ stream: name }) =>
                      html`<a href=${link(['s', space, 'streams', name])}
                        ><${Text} value=${name} most=${40} plain=${true}
                      /></a>`,
                  },
                  { head: 'When', cell: when },
                  {
                    head: 'Next',
                    kind: 'end',
                    cell: ({ paused, nextAtMs }) =>
                      paused ? html`<${Badge} tone="warn">paused<//>` : html`<${Time} atMs=${nextAtMs} />`,
                  },
                  {
                    head: 'Last',
                    kind: 'end',
                    cell: ({ stream: name, lastAtMs, lastEntry }) =>
                      lastEntry === undefined
                        ? html`<${Time} atMs=${lastAtMs} />`
                        : html`<a href=${link(['s', space, 'streams', name, 'entries', lastEntry])}
                            ><${Time} atMs=${lastAtMs}
                          /></a>`,
                  },
                  { head: 'Payload', cell: ({ payload }) => html`<${DataLine} data=${payload} />` },
                  mayAct && {
                    head: 'Actions',
                    kind: 'actions',
                    cell: (row) => actions(space, row, schedules.reload),
                  },
                ],
              })}<${Pager} shown=${items.length} next=${next} />`,
      )}
    <//>
  <//>`
}

function when({ cron, everyMs, timeZone }: ScheduleRow): VNode {
  if (cron === undefined) return html`every ${duration(everyMs)}`
  return html`<code class="nowrap"><${Text} value=${cron} most=${60} /></code>
    <span class="muted"><${Text} value=${timeZone} most=${40} /></span>`
}

function actions(space: string, { stream, id, paused }: ScheduleRow, after: () => void): VNode {
  const of = { space, stream, id }
  const on = visible(id, 60)
  return html`${
      paused
        ? html`<${RunButton}
            label="Resume"
            small
            on=${on}
            act=${() => act('schedule.resume', of)}
            after=${after}
          />`
        : html`<${RunButton}
            label="Pause"
            small
            on=${on}
            act=${() => act('schedule.pause', of)}
            after=${after}
          />`
    }
    <${AskButton}
      label="Run"
      small
      on=${on}
      question=${() => ({
        title: 'Run this schedule now?',
        body: 'One entry is added now. The next occurrence stays as it is.',
        confirm: 'Add entry',
        act: () => act('schedule.run', of),
        after,
      })}
    />
    <${AskButton}
      label="Remove"
      small
      danger
      on=${on}
      question=${() => ({
        title: 'Remove this schedule?',
        body: 'It adds no more entries. If the code still declares it, the next process that starts adds it again.',
        confirm: 'Remove schedule',
        danger: true,
        act: () => act('schedule.remove', of),
        after,
      })}
    />`
}
