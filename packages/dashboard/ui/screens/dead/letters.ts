import type { DeadLetterKind } from '@penknife/core'
import type { VNode } from 'preact'

import { Empty, loaded, Panel, Time } from '../../components/basics.ts'
import { Screen } from '../../components/screen.ts'
import { Pager, table } from '../../components/table.ts'
import { DataLine, Text } from '../../components/text.ts'
import { submitted } from '../../lib/form.ts'
import { html } from '../../lib/html.ts'
import { useLoad } from '../../lib/load.ts'
import { go, link, type Route } from '../../lib/router.ts'
import { pageOf } from '../props.ts'
import type { OfGroup } from './act-on-letters.ts'

const KINDS: readonly DeadLetterKind[] = ['failed', 'never-retry', 'invalid', 'vanished']

/** Each dead letter of a group, or those with an error. */
export function Letters({
  space,
  stream,
  group,
  query,
}: OfGroup & { readonly query: Route['query'] }): VNode {
  const { error, contains } = query
  const why = KINDS.find((kind) => kind === query['why'])
  const filter = {
    ...(error === undefined ? {} : { error }),
    ...(contains === undefined ? {} : { contains }),
    ...(why === undefined ? {} : { why }),
  }
  const letters = useLoad('dead', { space, stream, group, ...filter, ...pageOf(query) })
  const here = ['s', space, 'dead', stream, group, 'letters']
  function search(event: SubmitEvent): void {
    const text = submitted(event, 'contains')
    go(link(here, { ...filter, contains: text }))
  }
  const any = Object.keys(filter).length > 0
  return html`<${Screen}
    title=${error ?? 'All letters'}
    crumbs=${[
      { text: 'Dead letters', href: link(['s', space, 'dead']) },
      { text: stream, href: link(['s', space, 'streams', stream]) },
      { text: group, href: link(['s', space, 'dead', stream, group]) },
    ]}
    sub=${any ? html`Filtered. <a href=${link(here)}>Show all letters</a>` : 'The newest first'}
  >
    <${Panel}
      title="Letters"
      actions=${html`<form class="actions" onSubmit=${search}>
        <input
          name="contains"
          data-search
          aria-label="Text in the error"
          placeholder="Text in the error"
          value=${contains ?? ''}
          autocomplete="off"
        />
        <button type="submit">Search</button>
      </form>`}
    >
      ${loaded(letters, ({ items, next }) =>
        items.length === 0 && next === undefined
          ? html`<${Empty} title=${any ? 'No letter matches' : 'No dead letters'} />`
          : html`${items.length === 0 ? html`<div class="body muted">None on this page; the next may have some.</div>` : null}
              ${table({
                label: 'Letters',
                rows: items,
                keyOf: ({ position }) => position,
                columns: [
                  {
                    head: 'Entry',
                    cell: ({ id, position }) =>
                      html`<a class="mono nowrap" href=${link([...here, position])}>${id}</a>`,
                  },
                  { head: 'Died', cell: ({ diedAtMs }) => html`<${Time} atMs=${diedAtMs} />` },
                  { head: 'Error', cell: ({ reason }) => html`<${Text} value=${reason} most=${140} />` },
                  { head: 'Attempts', kind: 'end', cell: ({ attempts }) => String(attempts) },
                  { head: 'Payload', cell: ({ payload }) => html`<${DataLine} data=${payload} />` },
                ],
              })} <${Pager} shown=${items.length} next=${next} />`,
      )}
    <//>
  <//>`
}
