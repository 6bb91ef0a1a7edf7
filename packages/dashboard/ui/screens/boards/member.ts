import type { VNode } from 'preact'

import { AskButton } from '../../components/actions.ts'
import { loaded, Panel } from '../../components/basics.ts'
import { Screen } from '../../components/screen.ts'
import { table } from '../../components/table.ts'
import { DataBlock, Text } from '../../components/text.ts'
import { act } from '../../lib/api.ts'
import { count, score } from '../../lib/format.ts'
import { html } from '../../lib/html.ts'
import { useLoad } from '../../lib/load.ts'
import { link } from '../../lib/router.ts'

interface MemberProps {
  readonly space: string
  readonly board: string
  readonly member: string
}

/** A member in each window of a board. */
export function Member({ space, board, member }: MemberProps): VNode {
  const answer = useLoad('member', { space, board, member })
  return html`<${Screen}
    title=${member}
    crumbs=${[
      { text: 'Boards', href: link(['s', space, 'boards']) },
      { text: board, href: link(['s', space, 'boards', board]) },
    ]}
    actions=${html`<${AskButton}
      label="Remove member"
      danger
      question=${() => ({
        title: 'Remove this member from every window?',
        body: html`<${Text} value=${member} most=${80} plain=${true} /> loses its scores. Nobody can undo
          this.`,
        confirm: 'Remove member',
        danger: true,
        act: () => act('board.remove', { space, board, member }),
        after: answer.reload,
      })}
    />`}
  >
    ${loaded(
      answer,
      ({ windows, data }) =>
        html`<${Panel} title="Windows">
            ${table({
              label: 'Windows',
              rows: windows,
              keyOf: ({ window }) => window,
              columns: [
                { head: 'Window', cell: ({ window }) => html`<${Text} value=${window} most=${40} />` },
                {
                  head: 'Rank',
                  kind: 'end',
                  cell: ({ row }) => (row ? count(row.rank) : html`<span class="muted">not on it</span>`),
                },
                {
                  head: 'Score',
                  kind: 'end',
                  cell: ({ row }) => (row ? html`<strong>${score(row.score)}</strong>` : '–'),
                },
              ],
            })}
          <//>
          ${data === undefined ? null : html`<${Panel} title="Data"><${DataBlock} data=${data} label="Data of the member" /><//>`}`,
    )}
  <//>`
}
