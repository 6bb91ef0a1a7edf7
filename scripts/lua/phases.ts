import { parse as parseLua } from 'luaparse'

import { type Node, READING, walk } from './parse.ts'

/** What `apply` may write with. Given keys of the right type, Redis refuses none of these. */
const WRITING = new Set(
  'APPEND DEL HDEL HINCRBY HPEXPIRE HSET PERSIST PEXPIRE SET SETRANGE SPUBLISH XACK XADD XDEL XGROUP XSETID XTRIM ZADD ZINCRBY ZPOPMAX ZPOPMIN ZREM'.split(
    ' ',
  ),
)

/**
 * Holds a module of lua/_lib to its two phases: what `prepare` reaches only reads, what `apply` reaches calls only the commands
 * above. Functions of other modules are not followed: they have phases of their own, or stand for bounded clean-up. That `apply`
 * is never refused is tested on a real Redis, by keys of wrong types and commands that are denied.
 */
export function checkPhases(name: string, source: string): void {
  const functions = functionsOf(parseLua(source, { luaVersion: '5.1' }) as unknown as Node)
  for (const [path, phase] of functions) {
    if (!/\.(prepare|apply)$/.test(path)) continue
    const may = path.endsWith('.prepare') ? READING : new Set([...READING, ...WRITING])
    for (const command of commandsOf(phase, functions)) {
      if (may.has(command)) continue
      throw new Error(`lua/_lib/${name}.lua: ${path} calls ${command}, which is not in the list of its phase`)
    }
  }
}

/** The functions of a file by the name that they are called by. */
function functionsOf(tree: Node): ReadonlyMap<string, Node> {
  const found = new Map<string, Node>()
  walk(tree, (node) => {
    const path = node.type === 'FunctionDeclaration' ? pathOf(node['identifier']) : undefined
    if (path !== undefined) found.set(path, node)
  })
  return found
}

/** `a` or `a.b` of an expression. */
function pathOf(value: unknown): string | undefined {
  const node = value as Node | null
  if (node?.type === 'Identifier') return node['name'] as string
  if (node?.type !== 'MemberExpression') return undefined
  const base = pathOf(node['base'])
  return base === undefined ? undefined : `${base}.${pathOf(node['identifier'])}`
}

/** The commands that a function calls, and that those of the file call which it calls. */
function commandsOf(begin: Node, functions: ReadonlyMap<string, Node>): ReadonlySet<string> {
  const commands = new Set<string>()
  const seen = new Set<Node>()
  // The last name of `a.b` is no function of that name.
  const fields = new Set<unknown>()
  const visit = (node: Node): void => {
    if (seen.has(node)) return
    seen.add(node)
    walk(node['body'], (inner) => {
      // A function may be handed on without a call, as to pcall.
      const named = functions.get(pathOf(inner) ?? '')
      if (named && !fields.has(inner)) visit(named)
      if (inner.type === 'MemberExpression') fields.add(inner['identifier'])
      if (inner.type === 'CallExpression' && /^redis\.p?call$/.test(pathOf(inner['base']) ?? '')) {
        const [first] = inner['arguments'] as Node[]
        if (!built(first)) commands.add(textOf(first) ?? 'a command that it does not name')
      }
      // A command that is put together in a table, for `unpack`.
      if (inner.type === 'TableConstructorExpression') {
        const [first] = inner['fields'] as Node[]
        const text = textOf(first?.['value'] as Node | undefined)
        if (text !== undefined && /^[A-Z]+$/.test(text)) commands.add(text)
      }
    })
  }
  visit(begin)
  return commands
}

function built(argument: Node | undefined): boolean {
  return argument?.type === 'CallExpression' && pathOf(argument['base']) === 'unpack'
}

/** The text of a string that stands as it is. */
function textOf(node: Node | undefined): string | undefined {
  if (node?.type !== 'StringLiteral') return undefined
  return /^(['"])(.*)\1$/.exec(node['raw'] as string)?.[2]
}
