import type { VNode } from 'preact'

import type { DeadLetterRow } from '../../../src/api-types.ts'
import { AskButton, RunButton } from '../../components/actions.ts'
import { act } from '../../lib/api.ts'
import { html } from '../../lib/html.ts'
import { indented } from '../../lib/json.ts'

interface LetterActionsProps {
  readonly space: string
  readonly stream: string
  readonly letter: DeadLetterRow
  readonly after: () => void
}

/** Requeue, edit and purge one dead letter. */
export function LetterActions({ space, stream, letter, after }: LetterActionsProps): VNode {
  const { position, group, payload } = letter
  const of = { space, stream, group, position }
  const editable = payload.kind === 'value' && !payload.redacted && !payload.cut
  return html`<${RunButton} label="Requeue" act=${() => act('dead.requeue', of)} after=${after} />
    ${
      editable
        ? html`<${AskButton}
            label="Edit and requeue"
            question=${() => ({
              title: 'Edit and requeue',
              body: 'The group handles the entry again with this payload, and with all attempts.',
              fields: [
                { name: 'json', label: 'Payload as JSON', kind: 'json', value: indented(payload.json) },
              ],
              confirm: 'Requeue',
              act: ({ json = '' }: Record<string, string>) => act('dead.edit', { ...of, json }),
              after,
            })}
          />`
        : null
    }
    <${AskButton}
      label="Purge"
      danger
      question=${() => ({
        title: 'Delete this dead letter?',
        body: 'Its payload and its error are deleted. Nobody can undo this.',
        confirm: 'Delete letter',
        danger: true,
        act: () => act('dead.purge', of),
        after,
      })}
    />`
}
