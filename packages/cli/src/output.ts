import { createInterface } from 'node:readline/promises'
import type { Readable, Writable } from 'node:stream'

import { EXIT, Failure } from './failure.ts'
import { createStyle, type Style, wantsColour } from './style.ts'
import { type Table, tableLines } from './table.ts'
import { fit, visible, visibleJson } from './text.ts'

/** Where a command reads and writes. */
export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly env: Readonly<Record<string, string | undefined>>
}

/** What commands print. Everything of others passes through `visible`. */
export interface Output {
  readonly json: boolean
  readonly style: Style
  /** A line of the command's own words. Make text of others harmless before: `visible`. */
  line(text?: string): void
  table(table: Table): void
  /** One JSON document, or with `compact` one line. */
  data(value: unknown, compact?: boolean): void
  /** Prints `value` with --json, else what `human` prints. */
  either(value: unknown, human: () => void): void
  /** A line on stderr that the next one replaces, on a terminal only. Without a text it is removed. */
  progress(text?: string): void
  warn(text: string): void
  /**
   * Asks before something is destroyed. Resolves when the answer is yes.
   *
   * @throws Failure when it is no, or nobody can be asked.
   */
  confirm(question: string): Promise<void>
  /** Moves to the top of an empty screen, on a terminal only. */
  clear(): void
}

/** Columns where the output is not a terminal: nothing is cut but very long text. */
const WIDE = 400

export function createOutput(
  { stdin, stdout, stderr, env }: Streams,
  { json = false, yes = false }: { readonly json?: boolean; readonly yes?: boolean },
  signal: AbortSignal,
): Output {
  const style = createStyle(wantsColour(stdout.isTTY === true, env) && !json)
  const columns = stdout.isTTY ? stdout.columns || 80 : WIDE
  let shown = false

  const output: Output = {
    json,
    style,
    line: (text = '') => void stdout.write(`${text}\n`),
    table(table) {
      for (const line of tableLines(table, style, columns)) output.line(line)
    },
    data: (value, compact = false) => output.line(visibleJson(value, compact ? undefined : 2)),
    either(value, human) {
      if (json) output.data(value)
      else human()
    },
    progress(text) {
      if (!stderr.isTTY || (text === undefined && !shown)) return
      shown = text !== undefined
      stderr.write(`\r\u001b[2K${fit(visible(text ?? ''), (stderr.columns || 80) - 1)}`)
    },
    warn(text) {
      output.progress()
      stderr.write(`${visible(text)}\n`)
    },
    async confirm(question) {
      if (yes) return
      if (!stdin.isTTY || !stderr.isTTY)
        throw new Failure(EXIT.usage, `${question} Nobody can be asked here: give --yes`)
      const asking = createInterface({ input: stdin, output: stderr })
      try {
        const answer = await asking
          .question(`${visible(question)} Type yes to go on: `, { signal })
          .catch(() => {
            throw new Failure(EXIT.interrupted, '\ninterrupted: nothing was done')
          })
        if (answer.trim().toLowerCase() !== 'yes') throw new Failure(EXIT.no, 'nothing was done')
      } finally {
        asking.close()
      }
    },
    clear() {
      if (stdout.isTTY) stdout.write('\u001b[2J\u001b[H')
    },
  }
  return output
}
