/** Text of an attacker: markup, control characters, sequences of a terminal in 7 and 8 bits, other directions, invisible characters. */
export const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '\u001b[31mred\u001b[2J\u001b[H\u001b]0;title\u0007\u001b]52;c;cm0=\u0007\u001bP+q\u001b\\',
  '\u009b2J\u009d0;title\u009c\u0090x\u009c',
  'fake\r\nline\n\u2028\u2029\u0085',
  '\b\b\bback\u007f\u0000nul',
  '\u202Egnp.exe\u202C \u2066isolate\u2069 \u061C\u200E\u200F',
  'a\u200Bb\u2060c\uFEFFd\u{E0041}e',
  `z${'\u0301'.repeat(50)}`,
  'half \ud83d surrogate',
].join(' ')

/** The same without what the names of members, subjects and keys may not contain. */
export const HOSTILE_NAME: string = HOSTILE.replaceAll(
  /[\u0000-\u001f\u007f{}]|[\ud800-\udbff](?![\udc00-\udfff])/g,
  '',
).slice(0, 100)

/** What a terminal must never get: every control character, but line breaks and the colours of the command line itself. */
export function controlsIn(text: string): readonly string[] {
  const own = text.replaceAll(/\u001b\[(?:[0-9]{1,2}m|2K)/g, '').replaceAll(/\r\n|\n|\r(?=$|\u001b)/g, '')
  return [
    ...own.matchAll(
      /[\u0000-\u0009\u000b-\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|\p{M}{3}|[\u{e0000}-\u{e0fff}]/gu,
    ),
  ].map(([found]) => JSON.stringify(found))
}
