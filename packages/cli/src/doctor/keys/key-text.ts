/** The longest name of a key that is shown. */
const LONGEST = 200

/** The name of a key as text; bytes that are no UTF-8 as `\xff`. */
export function keyText(name: Buffer): string {
  const text = name.toString()
  return Buffer.from(text).equals(name) ? text : escaped(name)
}

/** A name for a list of examples. */
export function exampleOf(name: Buffer): string {
  const text = keyText(name.subarray(0, LONGEST))
  return name.length > LONGEST ? `${text}… (${name.length} bytes)` : text
}

/** A line for redis-cli that removes the key. Every byte that is no plain character is escaped as redis-cli reads it. */
export function unlinkLine(name: Buffer): string {
  return `UNLINK "${escaped(name)}"`
}

/** The pattern of SCAN that matches a text and nothing else. */
export function globOf(text: string): string {
  return text.replaceAll(/[*?[\]\\^-]/g, String.raw`\$&`)
}

function escaped(name: Buffer): string {
  return Array.from(name, (byte) => {
    const plain = byte >= 0x20 && byte < 0x7f
    const character = String.fromCharCode(byte)
    if (character === '"' || character === '\\') return `\\${character}`
    return plain ? character : `\\x${byte.toString(16).padStart(2, '0')}`
  }).join('')
}
