import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

import { expect, test } from 'vitest'

import { anchorsOf, linksOf, sentencesOf, wordsOf } from './prose.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

/** Every page of the repository, tracked or about to be. */
const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(ROOT, path)))
const pages = tracked.filter((path) => path.endsWith('.md'))

/** Those for users and contributors, whose sentences are checked. */
const prose = pages.filter((path) =>
  /^(README|ARCHITECTURE|CONTRIBUTING|SECURITY)\.md$|^docs\/|^packages\/|^(bench|chaos|fuzz)\//.test(path),
)

const LONGEST_SENTENCE = 30

test.each(prose)(`%s has no sentence of more than ${LONGEST_SENTENCE} words`, (path) => {
  const long = sentencesOf(read(path))
    .filter(({ text }) => wordsOf(text) > LONGEST_SENTENCE)
    .map(({ line, text }) => `${path}:${line}: ${wordsOf(text)} words: ${text}`)
  expect(long).toEqual([])
})

/** Private words, and the plain ones instead. */
const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  [/\btold\b(?! to\b)/i, 'reported, returned, sent'],
  [/\bwhoever\b/i, 'the caller, the client, the worker'],
  [/\brested\b/i, 'full again, unused'],
  [/\bturns? of the event loop\b|\b(same|one|a) turn\b/i, 'tick'],
  [/\b(lanes?|trunks?|crowds?)\b/i, 'subscription, shared subscription, group of clients'],
  [/\bwere it\b/i, 'even if'],
  [/\b(lies|lie|stands|stand) (in|at|on|behind|beside|before)\b/i, 'is in, is stored in, is before'],
  [/\bfor ever\b/i, 'forever, without a time limit'],
  [/\bwithout a word\b/i, 'without an error'],
  [/\b(gives?|gave) out\b/i, 'sends, delivers'],
  [/\b(every ?body|some ?body|no ?body) who\b/i, 'the client, the process, the user'],
  [/\ba look\b|\blooks\b(?! like\b)/i, 'a read, checks, polls'],
]

test.each(prose)('%s uses the words of its field', (path) => {
  const found = sentencesOf(read(path)).flatMap(({ line, text }) =>
    FORBIDDEN.filter(([word]) => word.test(text)).map(
      ([word, instead]) => `${path}:${line}: ${word.exec(text)?.[0]} (write: ${instead}): ${text}`,
    ),
  )
  expect(found).toEqual([])
})

test.each(pages)('the links of %s have targets', (path) => {
  const broken = linksOf(read(path)).filter((target) => {
    if (/^[a-z]+:/.test(target)) return false
    const [file = '', anchor] = target.split('#')
    const to = file === '' ? path : relative(ROOT, join(ROOT, dirname(path), file))
    if (!existsSync(join(ROOT, to))) return true
    return anchor !== undefined && !anchorsOf(read(to)).has(anchor)
  })
  expect(broken).toEqual([])
})

/** Files that pages name in code spans, such as `limiter/take.ts`: the end of a path in the repository. */
const files = tracked.map((path) => `/${path}`)

test.each(pages)('the source files that %s names exist', (path) => {
  const named = [...read(path).matchAll(/`((?:[\w.*-]+\/)*[\w-]+\.(?:ts|lua))`/g)].map(
    ([, file]) => file ?? '',
  )
  const missing = named.filter(
    (file) => !file.includes('*') && !files.some((known) => known.endsWith(`/${file}`)),
  )
  expect(missing).toEqual([])
})

/** Every page of a feature answers the same questions in the same order. */
const FEATURES = [
  'rate-limiting',
  'streams',
  'leaderboards',
  'notifications',
  'coordination',
  'request-log',
  'idempotency',
  'idempotency',
]
const QUESTIONS = ['Quick start', 'Options', 'When things fail', 'Guarantees', 'Recipes', 'Cost']

test.each(FEATURES)('docs/%s.md has the sections of a feature, in their order', (name) => {
  const headings = [...read(`docs/${name}.md`).matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
  expect(headings.filter((heading) => QUESTIONS.includes(heading ?? ''))).toEqual(QUESTIONS)
})
