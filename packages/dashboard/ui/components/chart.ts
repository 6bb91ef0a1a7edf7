import type { VNode } from 'preact'

import { duration } from '../lib/format.ts'
import { html } from '../lib/html.ts'

export interface Point {
  readonly atMs: number
  readonly value: number
}

const WIDTH = 100
const HEIGHT = 40

/** A line of at least two points, from the left to the right edge. */
function pathOf(points: readonly Point[], most: number, fromMs: number, toMs: number): string {
  const span = Math.max(1, toMs - fromMs)
  return points
    .map(({ atMs, value }, at) => {
      const x = ((atMs - fromMs) / span) * WIDTH
      const y = HEIGHT - 1 - (value / most) * (HEIGHT - 3)
      return `${at === 0 ? 'M' : 'L'}${x.toFixed(2)} ${y.toFixed(2)}`
    })
    .join('')
}

/** A line without axes beside a number. */
export function Spark({ points }: { readonly points: readonly Point[] }): VNode | null {
  const first = points[0]
  const last = points.at(-1)
  if (!first || !last || points.length < 2) return null
  const most = Math.max(1, ...points.map(({ value }) => value))
  const path = pathOf(points, most, first.atMs, last.atMs)
  return html`<svg
    class="spark"
    viewBox="0 0 ${WIDTH} ${HEIGHT}"
    preserveAspectRatio="none"
    aria-hidden="true"
    focusable="false"
  >
    <path class="area" d=${`${path}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`} />
    <path d=${path} />
  </svg>`
}

export interface Series {
  readonly name: string
  readonly points: readonly Point[]
}

interface ChartProps {
  readonly label: string
  /** At most three. */
  readonly series: readonly Series[]
  readonly format: (value: number) => string
}

/** Lines over time, with the newest values in the legend. */
export function Chart({ label, series, format }: ChartProps): VNode {
  const all = series.flatMap(({ points }) => points)
  if ((series[0]?.points.length ?? 0) < 2) {
    return html`<div class="state"><p>The chart begins in a few seconds.</p></div>`
  }
  const fromMs = Math.min(...all.map(({ atMs }) => atMs))
  const toMs = Math.max(...all.map(({ atMs }) => atMs))
  const most = niceAbove(Math.max(1, ...all.map(({ value }) => value)))
  return html`<figure class="chart" aria-label=${label} role="group">
    <figcaption class="legend">
      <ul class="legend">
        ${series.map(
          ({ name, points }, at) =>
            html`<li>
              <svg viewBox="0 0 18 6" aria-hidden="true">
                <path class=${`series s${at + 1}`} d="M0 3H18" />
              </svg>
              ${name} <strong>${format(points.at(-1)?.value ?? 0)}</strong>
            </li>`,
        )}
      </ul>
    </figcaption>
    <div class="plot">
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true" focusable="false">
        ${[2, HEIGHT / 2, HEIGHT - 1].map((y) => html`<path class="grid-line" d=${`M0 ${y}H${WIDTH}`} />`)}
        ${series.map(
          ({ points }, at) =>
            html`<path class=${`series s${at + 1}`} d=${pathOf(points, most, fromMs, toMs)} />`,
        )}
      </svg>
      <span class="most">${format(most)}</span>
    </div>
    <div class="axis"><span>${duration(toMs - fromMs)} ago</span><span>now</span></div>
  </figure>`
}

/** The next number with one digit that counts: 1, 2, 5, 10, 20, … */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power
}
