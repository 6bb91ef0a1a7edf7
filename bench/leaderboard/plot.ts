/** A line of the plot: members and microseconds of Redis' CPU a call. */
export interface Line {
  readonly name: string
  readonly ours: boolean
  readonly dashed: boolean
  readonly points: readonly (readonly [members: number, cpuUs: number])[]
}

const WIDTH = 720
const HEIGHT = 360
const LEFT = 64
const RIGHT = 190
const TOP = 24
const BOTTOM = 44
const STEP = 5
/** The space between the names of lines that end close together. */
const APART = 15

/** Microseconds of Redis' CPU a call by the number of members, in powers of ten. Readable on white and on black. */
export function plot(lines: readonly Line[]): string {
  const xs = lines.flatMap(({ points }) => points.map(([members]) => members))
  const ys = lines.flatMap(({ points }) => points.map(([, cpuUs]) => cpuUs))
  const [low, high] = [Math.log10(Math.min(...xs)), Math.log10(Math.max(...xs))]
  const most = Math.ceil(Math.max(...ys) / STEP) * STEP
  const x = (members: number): number =>
    LEFT + ((Math.log10(members) - low) / (high - low)) * (WIDTH - LEFT - RIGHT)
  const y = (cpuUs: number): number => HEIGHT - BOTTOM - (cpuUs / most) * (HEIGHT - TOP - BOTTOM)
  const grid = Array.from({ length: most / STEP + 1 }, (_, at) => at * STEP).map(
    (value) =>
      `<path class="grid" d="M${LEFT} ${round(y(value))}H${WIDTH - RIGHT}"/>` +
      `<text x="${LEFT - 8}" y="${round(y(value) + 4)}" text-anchor="end">${value}</text>`,
  )
  const ticks = [...new Set(xs)].map(
    (members) =>
      `<text x="${round(x(members))}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${label(members)}</text>`,
  )
  let below = Infinity
  const lowestFirst = lines.toSorted((one, other) => endOf(one) - endOf(other))
  const drawn = lowestFirst.map((line) => {
    const { name, ours, dashed, points } = line
    const path = points.map(([members, cpuUs]) => `${round(x(members))} ${round(y(cpuUs))}`).join('L')
    below = Math.min(y(endOf(line)) + 4, below - APART)
    const look = `${ours ? 'ours' : 'peer'}${dashed ? ' dashed' : ''}`
    return (
      `<path class="line ${look}" d="M${path}"/>` +
      `<text class="${ours ? 'name-ours' : 'name-peer'}" x="${WIDTH - RIGHT + 8}" y="${round(below)}">${name}</text>`
    )
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="CPU time of Redis for a call, from 10,000 to 10,000,000 members">
<style>
text{font:12px system-ui,sans-serif;fill:#768390}
.grid{stroke:#9ca3af;stroke-opacity:.35}
.line{fill:none;stroke-width:2.5;stroke-linejoin:round}
.ours{stroke:#2f81f7}.peer{stroke:#d97706}.dashed{stroke-dasharray:6 5}
.name-ours{fill:#2f81f7}.name-peer{fill:#d97706}
</style>
${[...grid, ...ticks, ...drawn].join('\n')}
<text x="${LEFT}" y="${TOP - 8}">microseconds of Redis’ CPU a call, 200 in flight</text>
<text x="${(WIDTH - RIGHT + LEFT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">members</text>
</svg>
`
}

function endOf({ points }: Line): number {
  return points.at(-1)?.[1] ?? 0
}

function label(members: number): string {
  return members >= 1_000_000 ? `${members / 1_000_000}M` : `${members / 1000}k`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
