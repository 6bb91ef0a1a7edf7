import type { VNode } from 'preact'

import { AskButton } from '../../components/actions.ts'
import { Empty, loaded, Panel, Time } from '../../components/basics.ts'
import { Screen } from '../../components/screen.ts'
import { table } from '../../components/table.ts'
import { Text } from '../../components/text.ts'
import { count, plural } from '../../lib/format.ts'
import { visible } from '../../lib/hostile.ts'
import { html } from '../../lib/html.ts'
import { useLoad } from '../../lib/load.ts'
import { link } from '../../lib/router.ts'
import { useMayAct } from '../../lib/session.ts'
import { actOnLetters, type OfGroup } from './act-on-letters.ts'

/** The dead letters of a group by their error. */
export function Errors(of: OfGroup): VNode {
  const { space, stream, group } = of
  const groups = useLoad('dead-groups', { space, stream, group })
  const mayAct = useMayAct()
  const letters = ['s', space, 'dead', stream, group, 'letters']
  const after = groups.reload
  return html`<${Screen}
    title=${group}
    crumbs=${[
      { text: 'Dead letters', href: link(['s', space, 'dead']) },
      { text: stream, href: link(['s', space, 'streams', stream]) },
    ]}
    sub="Dead letters by error, the most frequent first. Numbers and ids in the messages are replaced by #."
    actions=${html`<a class="button" href=${link(letters)}>All letters</a>
      <${AskButton} label="Requeue all" question=${() => actOnLetters('requeue', of, {}, after)} />
      <${AskButton} label="Purge all" danger question=${() => actOnLetters('purge', of, {}, after)} />`}
  >
    <${Panel} title="Errors">
      ${loaded(groups, ({ items, letters: read, complete }) =>
        items.length === 0
          ? html`<${Empty} title="No dead letters">Every entry was handled, or still has attempts.<//>`
          : html`${table({
                label: 'Errors',
                rows: items.slice(0, 200),
                keyOf: ({ error, why }) => `${why} ${error}`,
                columns: [
                  {
                    head: 'Error',
                    cell: ({ error, why }) =>
                      html`<a href=${link(letters, { error, why })}
                        ><${Text} value=${error} most=${120} plain=${true}
                      /></a>`,
                  },
                  {
                    head: 'Why',
                    cell: ({ why }) => html`<span class="badge">${why.replace('-', ' ')}</span>`,
                  },
                  { head: 'Letters', kind: 'end', cell: (row) => html`<strong>${count(row.count)}</strong>` },
                  {
                    head: 'First',
                    kind: 'end',
                    cell: ({ firstAtMs }) => html`<${Time} atMs=${firstAtMs} />`,
                  },
                  { head: 'Last', kind: 'end', cell: ({ lastAtMs }) => html`<${Time} atMs=${lastAtMs} />` },
                  mayAct && {
                    head: 'Actions',
                    kind: 'actions',
                    cell: ({ error, why }) =>
                      html`<${AskButton}
                          label="Requeue"
                          small
                          on=${visible(error, 80)}
                          question=${() => actOnLetters('requeue', of, { error, why }, after)}
                        />
                        <${AskButton}
                          label="Purge"
                          small
                          danger
                          on=${visible(error, 80)}
                          question=${() => actOnLetters('purge', of, { error, why }, after)}
                        />`,
                  },
                ],
              })}
              <footer>
                ${plural(read, 'letter')}${complete ? '' : '; there are more, and these are the newest'}${
                  items.length > 200 ? `; the other ${count(items.length - 200)} errors are not shown` : ''
                }
              </footer>`,
      )}
    <//>
  <//>`
}
