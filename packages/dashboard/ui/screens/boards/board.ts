import type { VNode } from 'preact'

import type { BoardAnswer } from '../../../src/api-types.ts'
import { Empty, loaded, Panel } from '../../components/basics.ts'
import { Screen } from '../../components/screen.ts'
import { table } from '../../components/table.ts'
import { DataLine, Text } from '../../components/text.ts'
import { count, plural, score } from '../../lib/format.ts'
import { submitted } from '../../lib/form.ts'
import { html } from '../../lib/html.ts'
import { useLoad } from '../../lib/load.ts'
import { go, link, type Route } from '../../lib/router.ts'

const ROWS = 50

interface BoardProps {
  readonly space: string
  readonly board: string
  readonly query: Route['query']
}

/** The members of a board from a position on, in one of its windows. */
export function Board({ space, board, query }: BoardProps): VNode {
  const from = Math.max(1, Math.floor(Number(query['from'] ?? 1)) || 1)
  const previous = query['previous'] === '1' ? 1 : 0
  const window = query['window']
  const answer = useLoad('board', {
    space,
    board,
    from,
    limit: ROWS,
    ...(previous === 1 ? { previous } : {}),
    ...(window === undefined ? {} : { window }),
  })
  const here = ['s', space, 'boards', board]
  const member = (name: string): string => link([...here, 'members', name])
  function find(event: SubmitEvent): void {
    const name = submitted(event, 'member')
    if (name !== '') go(member(name))
  }
  return html`<${Screen}
    title=${board}
    crumbs=${[{ text: 'Boards', href: link(['s', space, 'boards']) }]}
    sub=${answer.data ? plural(answer.data.count, 'member') : null}
  >
    <${Panel}
      title="Members"
      actions=${html`${answer.data ? html`<${Windows} here=${here} answer=${answer.data} previous=${previous} />` : null}
        <form class="actions" onSubmit=${find}>
          <input
            name="member"
            data-search
            aria-label="Find a member"
            placeholder="Member"
            autocomplete="off"
          />
          <button type="submit">Find</button>
        </form>`}
    >
      ${loaded(answer, ({ rows, count: members, window: shown }) =>
        rows.length === 0
          ? html`<${Empty} title=${from > 1 ? 'No more members' : 'No member in this window'} />`
          : html`${table({
                label: 'Members',
                rows,
                keyOf: ({ member: name }) => name,
                columns: [
                  {
                    head: 'Member',
                    cell: ({ member: name }) =>
                      html`<a href=${member(name)}><${Text} value=${name} most=${60} plain=${true} /></a>`,
                  },
                  { head: 'Rank', kind: 'end', cell: ({ rank }) => count(rank) },
                  { head: 'Score', kind: 'end', cell: (row) => html`<strong>${score(row.score)}</strong>` },
                  { head: 'Data', cell: ({ data }) => html`<${DataLine} data=${data} />` },
                ],
              })}
              <footer>
                <span>Positions ${count(from)} to ${count(from + rows.length - 1)} of ${count(members)}</span>
                <span class="actions">
                  ${
                    from > 1
                      ? html`<a
                          class="button"
                          href=${link(here, { ...query, window: shown, from: Math.max(1, from - ROWS) })}
                          >Better</a
                        >`
                      : null
                  }
                  ${
                    from + rows.length <= members
                      ? html`<a
                          class="button"
                          href=${link(here, { ...query, window: shown, from: from + ROWS })}
                          >Worse</a
                        >`
                      : null
                  }
                </span>
              </footer>`,
      )}
    <//>
  <//>`
}

interface WindowsProps {
  readonly here: readonly string[]
  readonly answer: BoardAnswer
  readonly previous: 0 | 1
}

function Windows({ here, answer: { windows, window }, previous }: WindowsProps): VNode | null {
  return html`<span class="tabs">
    ${
      windows.length < 2
        ? null
        : windows.map(
            (name) =>
              html`<a
                href=${link(here, { window: name })}
                aria-current=${name === window && previous === 0 ? 'true' : undefined}
              >
                <${Text} value=${name} most=${24} plain=${true} />
              </a>`,
          )
    }
    ${
      window === 'all' || window === ''
        ? null
        : html`<a
            href=${link(here, { window, previous: 1 })}
            aria-current=${previous === 1 ? 'true' : undefined}
            >Period before</a
          >`
    }
  </span>`
}
