import type { VNode } from 'preact'

import { type Child, html } from '../lib/html.ts'
import { link, useRoute } from '../lib/router.ts'

export interface Column<Row> {
  readonly head: string
  readonly cell: (row: Row) => Child
  /** `end` for numbers, `actions` for buttons. */
  readonly kind?: 'end' | 'actions'
}

interface TableProps<Row> {
  readonly label: string
  readonly columns: readonly (Column<Row> | false)[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
}

/**
 * A table. The roles are explicit, because narrow screens show each row as a card, and browsers then forget that it is a table. It is a
 * function and no component, so that the compiler knows the type of the rows.
 */
export function table<Row>({ label, columns, rows, keyOf }: TableProps<Row>): VNode {
  const shown = columns.filter((column) => column !== false)
  return html`<table class="table" role="table" aria-label=${label}>
    <thead role="rowgroup">
      <tr role="row">
        ${shown.map(
          ({ head, kind }) =>
            html`<th role="columnheader" scope="col" class=${kind === 'end' ? 'end' : ''}>
              ${kind === 'actions' ? html`<span class="hidden-text">${head}</span>` : head}
            </th>`,
        )}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${rows.map(
        (row) =>
          html`<tr role="row" key=${keyOf(row)}>
            ${shown.map(
              ({ head, cell, kind }) =>
                html`<td
                  role="cell"
                  class=${kind === 'actions' ? 'row-actions' : (kind ?? '')}
                  data-label=${kind === 'actions' ? '' : head}
                >
                  <span>${cell(row)}</span>
                </td>`,
            )}
          </tr>`,
      )}
    </tbody>
  </table>`
}

interface PagerProps {
  readonly shown: number
  readonly next: string | undefined
  /** The parameter of the route that has the position. Default: 'after'. */
  readonly name?: string
}

/** Links to the first and the next page. The browser's back button leads to the page before. */
export function Pager({ shown, next, name = 'after' }: PagerProps): VNode | null {
  const { parts, query } = useRoute()
  const first = query[name] === undefined
  if (first && next === undefined) return null
  return html`<footer>
    <span>${shown} on this page</span>
    <span class="actions">
      ${first ? null : html`<a class="button" href=${link(parts, { ...query, [name]: undefined })}>First page</a>`}
      ${next === undefined ? null : html`<a class="button" href=${link(parts, { ...query, [name]: next })}>Next page</a>`}
    </span>
  </footer>`
}
