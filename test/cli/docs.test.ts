import { readFileSync } from 'node:fs'
import { PassThrough } from 'node:stream'

import { runCli } from '@penknife/cli'
import { expect, test } from 'vitest'

/** What a command prints for --help, and its exit code. */
async function helpOf(words: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const code = await runCli([...words, '--help'], { stdin, stdout, stderr, env: {} })
  return { code, text: `${String(stdout.read() ?? '')}${String(stderr.read() ?? '')}` }
}

/** The command lines of a page: those in its blocks, and the commands of its tables. */
function linesOf(page: string): readonly string[] {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8')
  const blocks = [...text.matchAll(/^ {4}(?:\$ )?(?:npx @penknife\/cli|penknife) (.+)$/gm)]
  const spans = [...text.matchAll(/`penknife ([^`]+)`/g)]
  const cells = page === 'cli.md' ? [...text.matchAll(/^\| `([a-z][^`]*)`/gm)] : []
  return [...blocks, ...spans, ...cells].map(([, line = '']) => line.replace(/#.*$/, '').trim())
}

const lines = ['cli.md', 'on-call.md'].flatMap((page) => linesOf(page).map((line) => ({ page, line })))

test('the pages have command lines', () => expect(lines.length).toBeGreaterThan(30))

test.each(lines)('$page: $line is a command with these options', async ({ line }) => {
  const words = line
    .replace(/--redis \S+/, '')
    .trim()
    .split(/\s+/)
    .filter((word) => !/^[<[]/.test(word))
  const flags = words.filter((word) => word.startsWith('--'))
  // Without values of options, which --help does not need.
  const names = words.filter((word, at) => !word.startsWith('-') && !words[at - 1]?.startsWith('--'))
  const known = await helpOf([])
  const own = await helpOf(names)
  if (names[0]?.startsWith('<') || flags.includes('--help')) return
  expect(own.code).toBe(0)
  expect(known.text).toMatch(new RegExp(`^  ${names[0]}\\b`, 'm'))
  expect(own.text).toContain(`Usage: penknife ${names[0]}`)
  for (const flag of flags) expect(`${own.text}${known.text}`).toContain(flag)
})
