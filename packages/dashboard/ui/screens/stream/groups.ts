import type { VNode } from 'preact'

import type { StreamAnswer } from '../../../src/api-types.ts'
import { AskButton, RunButton } from '../../components/actions.ts'
import { Count, Panel } from '../../components/basics.ts'
import { State } from '../../components/states.ts'
import { table } from '../../components/table.ts'
import { Text } from '../../components/text.ts'
import type { Question } from '../../lib/actions.ts'
import { act } from '../../lib/api.ts'
import { count, duration, plural, rate } from '../../lib/format.ts'
import { html } from '../../lib/html.ts'
import { link } from '../../lib/router.ts'
import { useMayAct } from '../../lib/session.ts'

type Group = StreamAnswer['stream']['groups'][number]

interface GroupsProps {
  readonly space: string
  readonly answer: StreamAnswer
  readonly after: () => void
}

export function Groups({ space, answer, after }: GroupsProps): VNode {
  const mayAct = useMayAct()
  const { stream, groups, overMs } = answer

  return html`<${Panel} title="Groups">
    ${table<Group>({
      label: 'Groups',
      rows: stream.groups,
      keyOf: ({ name }) => name,
      columns: [
        { head: 'Group', cell: ({ name }) => html`<${Text} value=${name} most=${40} />` },
        {
          head: 'State',
          cell: ({ state, resumesInMs }) =>
            html`<${State}
                of=${state}
              />${resumesInMs ? html` <span class="muted">for ${duration(resumesInMs)}</span>` : null}`,
        },
        {
          head: 'Waiting',
          kind: 'end',
          cell: ({ waiting, exact }) => html`${exact ? '' : '≈ '}<${Count} value=${waiting} />`,
        },
        { head: 'Running', kind: 'end', cell: ({ running }) => html`<${Count} value=${running} />` },
        { head: 'Delayed', kind: 'end', cell: ({ delayed }) => html`<${Count} value=${delayed} />` },
        { head: 'Queued', kind: 'end', cell: ({ queued }) => html`<${Count} value=${queued} />` },
        {
          head: 'Dead',
          kind: 'end',
          cell: ({ name, dead }) =>
            dead > 0
              ? html`<a class="badge bad" href=${link(['s', space, 'dead', stream.name, name])}
                  >${count(dead)}</a
                >`
              : html`<${Count} value=${0} />`,
        },
        {
          head: 'Finished',
          kind: 'end',
          cell: ({ name }) => {
            const finished = groups.find((group) => group.name === name)?.finishedPerSecond
            return finished === undefined || overMs === 0 ? '–' : rate(finished)
          },
        },
        {
          head: 'Oldest',
          kind: 'end',
          cell: ({ oldestAgeMs }) => (oldestAgeMs > 0 ? duration(oldestAgeMs) : '–'),
        },
        { head: 'Workers', kind: 'end', cell: ({ workers }) => html`<${Count} value=${workers} />` },
        mayAct && {
          head: 'Actions',
          kind: 'actions',
          cell: (group) => {
            const of = { space, stream: stream.name, group: group.name }
            return html`${
                group.paused
                  ? html`<${RunButton}
                      label="Resume"
                      small
                      on=${group.name}
                      act=${() => act('stream.resume', of)}
                      after=${after}
                    />`
                  : html`<${RunButton}
                      label="Pause"
                      small
                      on=${group.name}
                      act=${() => act('stream.pause', of)}
                      after=${after}
                    />`
              }
              <${AskButton}
                label="Clear"
                small
                danger
                on=${group.name}
                question=${() => clearing(of, group, after)}
              />`
          },
        },
      ],
    })}
  <//>`
}

function clearing(
  of: { readonly space: string; readonly stream: string; readonly group: string },
  { name, waiting, delayed, queued }: Group,
  after: () => void,
): Question {
  const entries = waiting + delayed + queued
  return {
    title: 'Delete all waiting entries of this group?',
    body: html`The group <strong><${Text} value=${name} most=${60} plain=${true} /></strong> has
      ${plural(entries, 'entry', 'entries')} that no worker has yet. They are deleted, and no handler sees
      them. Nobody can undo this. Running entries and dead letters stay.`,
    confirm: 'Delete entries',
    danger: true,
    act: () => act('stream.clear', of),
    after,
  }
}
