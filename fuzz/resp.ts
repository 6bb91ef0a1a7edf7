import type { Random } from './harness.ts'

/** A reply as Redis writes it: a list or a map with its parts, or anything else as its bytes. */
type Node = string | { readonly type: string; readonly parts: readonly Node[] }

const GARBAGE: readonly string[] = [
  '$-1\r\n',
  '*-1\r\n',
  '_\r\n',
  ':7\r\n',
  ':-1\r\n',
  ':9223372036854775807\r\n',
  '#t\r\n',
  ',inf\r\n',
  ',nan\r\n',
  '(12345678901234567890123\r\n',
  '+OK\r\n',
  '+\r\n',
  '$0\r\n\r\n',
  '$7\r\ngarbage\r\n',
  '$2\r\n\xff\xfe\r\n',
  '$4\r\n[[{"\r\n',
  '$10\r\n{"a":null}\r\n',
  '$3\r\n5-1\r\n',
  '$3\r\nnan\r\n',
  '$7\r\na\nb\nc\nd\r\n',
  '=7\r\ntxt:odd\r\n',
  '*0\r\n',
  '*1\r\n:1\r\n',
  '*2\r\n$-1\r\n$-1\r\n',
  '*2\r\n*1\r\n:1\r\n*0\r\n',
  '*2\r\n-ERR odd\r\n-ERR odd\r\n',
  '~1\r\n:1\r\n',
  '%1\r\n+a\r\n:1\r\n',
  '%1\r\n*0\r\n_\r\n',
  '-ERR odd\r\n',
  '-odd\r\n',
  '-\r\n',
  '-ERR user_script:1: odd script: abc on @user_script:1.\r\n',
  '-NOSCRIPT No matching script.\r\n',
  '-MOVED 1 nowhere:1\r\n',
  '-ASK 1 nowhere\r\n',
  '-READONLY You can not write.\r\n',
  '-LOADING Redis is loading.\r\n',
  '-OOM command not allowed.\r\n',
  '-NOPERM no.\r\n',
  '-WRONGTYPE odd\r\n',
  '-BUSY odd\r\n',
  '!5\r\nERR x\r\n',
]

/** A reply instead of another one: something else altogether, or nearly the same. */
export function spoiledReply(random: Random, reply: string): string {
  const luck = random.next()
  // No protocol at all, or a reply that never ends: the client has to begin anew. (A list with a wrong count that is
  // soon reached would hand every later reply to the call before, and nobody can see that.)
  if (luck < 0.0005) return random.pick(['?\r\n', ':\r\n\r\n', '*9000000\r\n', '$9000000\r\n'])
  if (luck < 0.35) return random.pick(GARBAGE)
  return printed(mutated(random, parsed(reply, 0).node))
}

function mutated(random: Random, node: Node): Node {
  if (typeof node === 'string') return mutatedText(random, node)
  const { type, parts } = node
  const at = parts.length > 0 ? random.int(0, parts.length - 1) : 0
  const luck = random.next()
  // Deeper, more often than not.
  if (luck < 0.5 && parts.length > 0)
    return { type, parts: parts.with(at, mutated(random, parts[at] as Node)) }
  if (luck < 0.6) return { type, parts: parts.toSpliced(at, 1) }
  if (luck < 0.7) return { type, parts: parts.slice(0, at) }
  if (luck < 0.8) return { type, parts: [...parts, ...parts.slice(at)] }
  if (luck < 0.85) return { type, parts: parts.toReversed() }
  if (luck < 0.9) return { type: '*', parts: [node] }
  return random.pick(GARBAGE)
}

function mutatedText(random: Random, text: string): Node {
  const luck = random.next()
  if (luck < 0.2) return { type: '*', parts: [text] }
  if (luck < 0.5 || !text.startsWith('$')) return random.pick(GARBAGE)
  const content = text.slice(text.indexOf('\r\n') + 2, -2)
  const at = random.int(0, content.length)
  const other = random.pick([
    content.slice(0, at),
    content.slice(at),
    content + content,
    `${content.slice(0, at)}${String.fromCharCode(random.int(0, 255))}${content.slice(at + 1)}`,
    content.replace(/\d+/, () => random.pick(['-1', '0.5', '9007199254740993', 'nan', ''])),
    content.replaceAll('\n', ''),
  ])
  return `$${other.length}\r\n${other}\r\n`
}

function parsed(text: string, at: number): { readonly node: Node; readonly end: number } {
  const line = text.indexOf('\r\n', at)
  const type = text[at] as string
  const length = Number(text.slice(at + 1, line))
  if ('$=!'.includes(type)) {
    const end = line + 2 + (length >= 0 ? length + 2 : 0)
    return { node: text.slice(at, end), end }
  }
  if (!'*~>%'.includes(type) || length < 0) return { node: text.slice(at, line + 2), end: line + 2 }
  const parts: Node[] = []
  let end = line + 2
  for (let left = type === '%' ? 2 * length : length; left > 0; left--) {
    const part = parsed(text, end)
    parts.push(part.node)
    end = part.end
  }
  return { node: { type, parts }, end }
}

function printed(node: Node): string {
  if (typeof node === 'string') return node
  const { type, parts } = node
  // A map with half a pair more would leave the client waiting.
  const whole = type === '%' ? parts.slice(0, parts.length - (parts.length % 2)) : parts
  return `${type}${type === '%' ? whole.length / 2 : whole.length}\r\n${whole.map(printed).join('')}`
}
