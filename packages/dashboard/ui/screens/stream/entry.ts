import type { VNode } from 'preact'

import type { EntryAnswer } from '../../../src/api-types.ts'
import { AskButton, RunButton } from '../../components/actions.ts'
import { loaded, Panel, Time } from '../../components/basics.ts'
import { Screen } from '../../components/screen.ts'
import { State, toneOf } from '../../components/states.ts'
import { DataBlock, Text } from '../../components/text.ts'
import { act, isGone } from '../../lib/api.ts'
import { duration } from '../../lib/format.ts'
import { html } from '../../lib/html.ts'
import { useLoad } from '../../lib/load.ts'
import { link } from '../../lib/router.ts'
import { localInput } from '../../lib/time-input.ts'
import { LetterActions } from '../dead/letter-actions.ts'
import type { SpaceScreenProps } from '../props.ts'

/** One entry: why it does not run, its payload, and what happened to it. */
export function EntryScreen({ space, rest }: SpaceScreenProps): VNode {
  const [stream = '', , id = ''] = rest
  const entry = useLoad('entry', { space, stream, id })
  return html`<${Screen}
    title=${`Entry ${id}`}
    crumbs=${[
      { text: 'Streams', href: link(['s', space, 'streams']) },
      { text: stream, href: link(['s', space, 'streams', stream]) },
    ]}
    sub=${entry.data ? html`Added <${Time} atMs=${entry.data.addedAtMs} />` : null}
    actions=${entry.data && !isGone(entry.failure) ? html`<${EntryActions} space=${space} stream=${stream} entry=${entry.data} after=${entry.reload} />` : null}
  >
    ${loaded(entry, (data) => html`<${Why} entry=${data} /><${Content} space=${space} stream=${stream} entry=${data} />`)}
  <//>`
}

function Why({ entry: { why, payload, dead } }: { readonly entry: EntryAnswer }): VNode {
  if (why === undefined) {
    return html`<div class="why">
      <p>
        ${
          payload === undefined
            ? 'The stream does not have this entry any more.'
            : 'The stream has this entry. Its state in each group is not known: that needs a work queue with one group.'
        }
      </p>
    </div>`
  }
  const { state, reason, text } = why
  return html`<div class=${`why ${toneOf(state)}`}>
    <div>
      <${State}
        of=${state}
      />${reason === state || reason === 'ended' ? null : html` <span class="badge">${reason.replace('-', ' ')}</span>`}
    </div>
    <p><${Text} value=${text} most=${600} /></p>
    ${dead ? html`<p class="mono"><${Text} value=${dead.reason} most=${400} lines=${true} /></p>` : null}
  </div>`
}

interface ContentProps {
  readonly space: string
  readonly stream: string
  readonly entry: EntryAnswer
}

function Content({ space, stream, entry }: ContentProps): VNode {
  const { payload, dead, why, dueMs, idleMs, progress, outcome, timeline } = entry
  const fact = (name: string, value: unknown): unknown =>
    value === undefined
      ? null
      : html`<dt>${name}</dt>
          <dd>${value}</dd>`
  const text = (value: string | undefined): unknown =>
    value === undefined ? undefined : html`<${Text} value=${value} most=${120} />`
  return html`<div class="columns">
    <${Panel} title="Payload"><${DataBlock} data=${payload ?? dead?.payload} label="Payload" /><//>
    <${Panel} title="Facts">
      <div class="body">
        <dl class="facts">
          ${fact('Group', text(why?.group ?? dead?.group))}
          ${fact('Attempts', why?.attempts ?? dead?.attempts)}
          ${fact('Worker', why?.reason === 'running' ? text(why.consumer) : undefined)}
          ${fact('Lease renewed', idleMs === undefined ? undefined : `${duration(idleMs)} ago`)}
          ${fact(
            'Waits for',
            why?.behind === undefined
              ? undefined
              : html`<a class="mono" href=${link(['s', space, 'streams', stream, 'entries', why.behind])}
                  >${why.behind}</a
                >`,
          )}
          ${fact('Due', dueMs === undefined ? undefined : html`<${Time} atMs=${dueMs} /> <span class="muted"><${Time} atMs=${dueMs} exact=${true} /></span>`)}
          ${fact('Key', text(dead?.key))} ${fact('Workers of the group', why?.workers)}
          ${fact('Trace', text(dead?.traceparent))}
          ${fact('Outcome', outcome && html`<${State} of=${outcome.state} />`)}
          ${fact('Reason', text(outcome?.reason))}
        </dl>
      </div>
    <//>
    ${progress ? html`<${Panel} title="Progress"><${DataBlock} data=${progress} label="Progress" /><//>` : null}
    ${outcome?.value ? html`<${Panel} title="Result"><${DataBlock} data=${outcome.value} label="Result" /><//>` : null}
    <${Panel} title="What is known">
      <ol class="timeline">
        ${timeline.map(
          ({ atMs, text: what }) =>
            html`<li>
              <div><${Text} value=${what} most=${300} /></div>
              <span class="muted"><${Time} atMs=${atMs} exact=${true} /> · <${Time} atMs=${atMs} /></span>
            </li>`,
        )}
      </ol>
    <//>
  </div>`
}

interface EntryActionsProps extends ContentProps {
  readonly after: () => void
}

/** States in which an entry can be moved or cancelled. */
const UNSTARTED = new Set(['waiting', 'queued', 'delayed', 'retrying'])

function EntryActions({ space, stream, entry, after }: EntryActionsProps): VNode | null {
  const { id, why, dead, dueMs } = entry
  if (dead) return html`<${LetterActions} space=${space} stream=${stream} letter=${dead} after=${after} />`
  if (why === undefined || !UNSTARTED.has(why.state)) return null
  const of = { space, stream, id }
  const late = why.state === 'delayed' || why.state === 'retrying'
  return html`${late ? html`<${RunButton} label="Run now" act=${() => act('entry.retry', of)} after=${after} />` : null}
    <${AskButton}
      label="Reschedule"
      question=${() => ({
        title: 'When shall it run?',
        fields: [
          {
            name: 'at',
            label: 'Date and time',
            kind: 'time',
            value: localInput(dueMs ?? Date.now() + 3_600_000),
          },
        ],
        confirm: 'Reschedule',
        act: ({ at = '' }: Record<string, string>) =>
          act('entry.reschedule', { ...of, atMs: Date.parse(at) }),
        after,
      })}
    />
    <${AskButton}
      label="Cancel entry"
      danger
      question=${() => ({
        title: 'Cancel this entry?',
        body: 'It is deleted, and no handler sees it. Nobody can undo this.',
        confirm: 'Cancel entry',
        danger: true,
        act: () => act('entry.cancel', of),
        after,
      })}
    />`
}
