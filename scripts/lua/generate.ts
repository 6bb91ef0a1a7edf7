/** Writes packages/core/src/redis/scripts.gen.ts from lua/; with `--check` fails when it is stale. */
import { readFileSync, writeFileSync } from 'node:fs'

import { type BuiltScript, buildScripts } from './build.ts'
import { REPLY_TYPES } from './parse.ts'

const OUTPUT = new URL('../../packages/core/src/redis/scripts.gen.ts', import.meta.url)

/** A piece that is at least this long, and that several scripts have or one has twice, is a constant: a bundle then has it once. */
const SHORTEST_PIECE = 80

export function moduleText(scripts: readonly BuiltScript[]): string {
  const pieces = repeatedPieces(scripts)
  return [
    '// Generated from lua/ by `pnpm generate`. Do not edit.',
    "import { lines, type Arg, type Reply, type Script } from './script.ts'",
    '',
    ...[...pieces].map(([piece, name]) => `const ${name} = ${template(piece)}\n`),
    ...scripts.map((script) => constant(script, pieces)),
    // Unused when no script replies with a list.
    'export type { Reply }',
    '',
  ].join('\n')
}

/** The repeated pieces of all scripts, with the names of their constants. */
function repeatedPieces(scripts: readonly BuiltScript[]): ReadonlyMap<string, string> {
  const counts = new Map<string, number>()
  for (const piece of scripts.flatMap((script) => script.pieces))
    counts.set(piece, (counts.get(piece) ?? 0) + 1)
  const repeated = [...counts].filter(([piece, count]) => count > 1 && piece.length >= SHORTEST_PIECE)
  return new Map(repeated.map(([piece], at) => [piece, `piece${at + 1}`]))
}

/** The text of a script as an expression. A bundler may drop the call with the script, because it is marked as pure. */
function textOf({ pieces }: BuiltScript, constants: ReadonlyMap<string, string>): string {
  const args: string[] = []
  let own: string[] = []
  const flush = (): void => {
    if (own.length > 0) args.push(template(own.join('\n')))
    own = []
  }
  for (const piece of pieces) {
    const name = constants.get(piece)
    if (name === undefined) own.push(piece)
    else {
      flush()
      args.push(name)
    }
  }
  flush()
  return `/* @__PURE__ */ lines(${args.join(', ')})`
}

function constant(script: BuiltScript, pieces: ReadonlyMap<string, string>): string {
  const tuple = (fields: readonly { name: string }[], type: string): string =>
    fields.map((field) => `${camel(field.name)}: ${type}`).join(', ')
  const { sharedKeys } = script
  const shared = [
    sharedKeys ? `${camel(sharedKeys.name)}: readonly string[]` : '',
    tuple(script.shared, 'Arg'),
  ]
    .filter(Boolean)
    .join(', ')
  const keys = script.manyKeys ? `...${tuple(script.keys, 'string[]')}` : tuple(script.keys, 'string')
  const item = [keys, tuple(script.args, 'Arg')].filter(Boolean).join(', ')
  const reply = script.returns
    .split('|')
    .map((type) => REPLY_TYPES[type])
    .join(' | ')
  const docs = [
    ...script.doc,
    '',
    ...(sharedKeys ? [`- shared keys \`${sharedKeys.name}\`: ${sharedKeys.doc}`] : []),
    ...script.shared.map((field) => `- shared \`${field.name}\`: ${field.doc}`),
    ...script.keys.map((field) => `- key \`${field.name}\`: ${field.doc}`),
    ...script.args.map((field) => `- \`${field.name}\`: ${field.doc}`),
    `- replies ${script.returnsDoc}`,
    ...(script.full
      ? [`- on a full server ${script.full.runs ? 'runs' : 'refused'}: ${script.full.why[0]}`]
      : []),
  ]
  return [
    '/**',
    ...docs.map((line) => ` * ${line}`.trimEnd()),
    ' */',
    `export const ${constantName(script.name)}: Script<[${shared}], [${item}], ${reply}> = {`,
    `  name: '${script.name}',`,
    `  sha: '${script.sha}',`,
    `  batch: ${script.batch},`,
    `  sharedKeys: ${sharedKeys !== undefined},`,
    `  shared: ${JSON.stringify(script.shared.map((field) => field.name))},`,
    `  keys: ${JSON.stringify(script.keys.map((field) => field.name))},`,
    ...(script.manyKeys ? ['  manyKeys: true,'] : []),
    `  args: ${JSON.stringify(script.args.map((field) => field.name))},`,
    ...script.args.flatMap(({ usual }) => (usual === undefined ? [] : [`  usual: ${usual},`])),
    `  returns: '${script.returns}',`,
    `  text: ${textOf(script, pieces)},`,
    '}',
    '',
  ].join('\n')
}

function constantName(script: string): string {
  return camel(script.replace('/', '_'))
}

function camel(name: string): string {
  return name.replace(/[_-](\w)/g, (_, letter: string) => letter.toUpperCase())
}

function template(text: string): string {
  return `\`${text.replace(/[\\`]|\$\{/g, '\\$&')}\``
}

if (process.argv[1] && import.meta.url === new URL(`file://${process.argv[1]}`).href) {
  const text = moduleText(buildScripts())
  if (process.argv.includes('--check')) {
    if (readFileSync(OUTPUT, 'utf8') !== text) {
      console.error('packages/core/src/redis/scripts.gen.ts is stale: run `pnpm generate`')
      process.exit(1)
    }
  } else writeFileSync(OUTPUT, text)
}
