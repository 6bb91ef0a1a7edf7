import type { Style } from './style.ts'
import { fit, visible, widthOf } from './text.ts'

/** A cell: text of anyone, made harmless here; or a number. `tone` colours it. */
export type Cell =
  | string
  | number
  | undefined
  | { readonly text: string; readonly tone: 'red' | 'yellow' | 'green' | 'dim' }

export interface Table {
  readonly head: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
}

const NARROWEST = 10

/** Lines of a table. Numbers are on the right. The widest columns are cut so that a line fits `columns`. */
export function tableLines({ head, rows }: Table, style: Style, columns: number): readonly string[] {
  const plain = rows.map((row) => head.map((_, at) => plainOf(row[at])))
  const numeric = head.map((_, at) =>
    rows.every((row) => typeof row[at] === 'number' || row[at] === undefined),
  )
  const widths = head.map((title, at) =>
    Math.max(widthOf(title), ...plain.map((row) => widthOf(row[at] ?? ''))),
  )
  shrink(widths, columns - 2 * (head.length - 1))
  const pad = (text: string, at: number, shown: string): string => {
    const space = ' '.repeat(Math.max(0, (widths[at] ?? 0) - widthOf(text)))
    return numeric[at] ? space + shown : shown + space
  }
  const line = (cells: readonly string[]): string => cells.join('  ').trimEnd()
  return [
    line(head.map((title, at) => style.dim(pad(title, at, title)))),
    ...plain.map((row, nth) =>
      line(
        row.map((text, at) => {
          const shown = fit(text, widths[at] ?? 0)
          return pad(shown, at, toneOf(rows[nth]?.[at], style)(shown))
        }),
      ),
    ),
  ]
}

/** Narrows the widest columns until all fit. */
function shrink(widths: number[], most: number): void {
  let over = widths.reduce((sum, width) => sum + width, 0) - most
  while (over > 0) {
    const widest = widths.indexOf(Math.max(...widths))
    const width = widths[widest] ?? 0
    const next = Math.max(...widths.filter((_, at) => at !== widest), NARROWEST)
    const by = Math.min(over, Math.max(1, width - next))
    if (width - by < NARROWEST) return
    widths[widest] = width - by
    over -= by
  }
}

function plainOf(cell: Cell): string {
  if (cell === undefined) return ''
  if (typeof cell === 'number') return Number.isInteger(cell) ? cell.toLocaleString('en-US') : String(cell)
  return visible(typeof cell === 'string' ? cell : cell.text)
}

function toneOf(cell: Cell, style: Style): (text: string) => string {
  return typeof cell === 'object' ? style[cell.tone] : (text) => text
}
