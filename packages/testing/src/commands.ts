/** A command as a client sent it: its arguments, or the line of an inline command. */
export type Command = readonly Buffer[] | { readonly line: Buffer }

const CR = 13
const LF = 10
const ARRAY = 42

/** Cuts a client's bytes into commands. Give it chunks in their order; it keeps what is incomplete. */
export function createCommandReader(): (chunk: Buffer) => Command[] {
  let kept: Buffer = Buffer.alloc(0)
  /** Bytes that the incomplete command needs at least: a large one is not read again with every chunk. */
  let needed = 0
  return (chunk) => {
    kept = kept.length === 0 ? chunk : Buffer.concat([kept, chunk])
    const commands: Command[] = []
    let at = 0
    while (kept.length - at > needed || needed === 0) {
      const read = readCommand(kept, at)
      if (typeof read === 'number') {
        needed = read
        break
      }
      needed = 0
      commands.push(read.command)
      at = read.next
    }
    kept = kept.subarray(at)
    return commands
  }
}

interface Read {
  readonly command: Command
  readonly next: number
}

/** The command that begins at a place, or how many bytes from there on are certainly not enough for it. */
function readCommand(bytes: Buffer, from: number): Read | number {
  const head = readLine(bytes, from)
  if (head === undefined) return Math.max(1, bytes.length - from)
  if (bytes[from] !== ARRAY) return { command: { line: bytes.subarray(from, head.next) }, next: head.next }
  const count = Number(head.text.slice(1))
  const args: Buffer[] = []
  let at = head.next
  for (let nth = 0; nth < count; nth++) {
    const length = readLine(bytes, at)
    if (length === undefined) return Math.max(1, bytes.length - from)
    const end = length.next + Number(length.text.slice(1))
    if (bytes.length < end + 2) return end + 1 - from
    args.push(bytes.subarray(length.next, end))
    at = end + 2
  }
  return { command: args, next: at }
}

function readLine(bytes: Buffer, from: number): { readonly text: string; readonly next: number } | undefined {
  const end = bytes.indexOf(LF, from)
  if (end < 0) return undefined
  const last = bytes[end - 1] === CR ? end - 1 : end
  return { text: bytes.toString('latin1', from, last), next: end + 1 }
}

/** The bytes of a command. */
export function bytesOf(args: readonly (Buffer | string)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)]
  for (const arg of args) {
    const bytes = typeof arg === 'string' ? Buffer.from(arg) : arg
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}
