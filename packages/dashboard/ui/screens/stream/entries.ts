import type { VNode } from 'preact'

import { Empty, loaded, Panel, Time } from '../../components/basics.ts'
import { Pager, table } from '../../components/table.ts'
import { DataLine } from '../../components/text.ts'
import { submitted } from '../../lib/form.ts'
import { html } from '../../lib/html.ts'
import { useLoad } from '../../lib/load.ts'
import { go, link, type Route } from '../../lib/router.ts'
import { pageOf } from '../props.ts'
import { Tagged } from './tagged.ts'

interface EntriesProps {
  readonly space: string
  readonly stream: string
  readonly query: Route['query']
  readonly findable: boolean
  /** Whether entries have tags. */
  readonly tagged: boolean
}

/** The entries that the stream still has. */
export function Entries({ space, stream, query, findable, tagged }: EntriesProps): VNode {
  const order = query['order'] === 'oldest' ? 'oldest' : 'newest'
  const tags = query['tags'] ?? ''
  const entries = useLoad('entries', tags === '' ? { space, stream, order, ...pageOf(query) } : undefined)
  const to = (id: string): string => link(['s', space, 'streams', stream, 'entries', id])
  function open(event: SubmitEvent): void {
    const id = submitted(event, 'id')
    if (id.trim() !== '') go(to(id.trim()))
  }
  const here = ['s', space, 'streams', stream]
  function search(event: SubmitEvent): void {
    go(link(here, { tags: submitted(event, 'tags').trim() }))
  }
  return html`<${Panel}
    title="Entries"
    actions=${html`<span class="tabs">
        <a href=${link(here)} aria-current=${tags === '' && order === 'newest' ? 'true' : undefined}
          >Newest</a
        >
        <a
          href=${link(here, { order: 'oldest' })}
          aria-current=${tags === '' && order === 'oldest' ? 'true' : undefined}
          >Oldest</a
        >
      </span>
      ${
        tagged || tags !== ''
          ? html`<form class="actions" onSubmit=${search}>
              <input
                name="tags"
                aria-label="Find entries by their tags"
                placeholder="Tags: user=ann"
                autocomplete="off"
                value=${tags}
              />
              <button type="submit">Search</button>
            </form>`
          : null
      }
      <form class="actions" onSubmit=${open}>
        <input
          name="id"
          data-search
          aria-label="Find an entry by its id"
          placeholder="Id: 1796000285935-0"
          autocomplete="off"
        />
        <button type="submit">Find</button>
      </form>`}
  >
    ${tags === '' ? null : html`<${Tagged} space=${space} stream=${stream} tags=${tags} query=${query} to=${to} />`}
    ${
      tags !== ''
        ? null
        : loaded(entries, ({ items, next }) =>
            items.length === 0 && next === undefined
              ? html`<${Empty} title="No entry is stored"
                  >${
                    findable
                      ? 'A work queue deletes an entry when it is handled. Delayed entries and retries are found by their id.'
                      : 'Nothing was added yet, or it was handled by all groups and deleted.'
                  }<//
                >`
              : html`${table({
                    label: 'Entries',
                    rows: items,
                    keyOf: ({ id }) => id,
                    columns: [
                      { head: 'Id', cell: ({ id }) => html`<a class="mono nowrap" href=${to(id)}>${id}</a>` },
                      { head: 'Added', cell: ({ addedAtMs }) => html`<${Time} atMs=${addedAtMs} />` },
                      { head: 'Payload', cell: ({ payload }) => html`<${DataLine} data=${payload} />` },
                    ],
                  })}<${Pager} shown=${items.length} next=${next} />`,
          )
    }
  <//>`
}
