/** What the checks of the documentation read: sentences, links and headings of a page in Markdown. */

/** A sentence as people read it, and the line on which its block begins. */
interface Sentence {
  readonly line: number
  readonly text: string
}

/** The text of a page outside its code: paragraphs, list items, headings and cells of tables, each with its first line. */
function blocksOf(page: string): Sentence[] {
  const blocks: { line: number; text: string }[] = []
  let open = false
  let code = false
  for (const [at, raw] of page.split('\n').entries()) {
    const line = raw.trim()
    if (line.startsWith('```')) {
      code = !code
      open = false
      continue
    }
    const indented = /^ {4,}/.test(raw) && !open
    if (code || line === '' || indented || /^<|^!\[/.test(line)) {
      open = false
      continue
    }
    if (line.startsWith('|')) {
      open = false
      if (/^\|[\s|:-]+\|$/.test(line)) continue
      for (const text of line.split(/(?<!\\)\|/)) blocks.push({ line: at + 1, text: text.trim() })
      continue
    }
    const starts = /^(#+ |[-*] |\d+\. |> )/.exec(line)
    const text = line.slice(starts?.[0].length ?? 0)
    const last = blocks.at(-1)
    if (open && !starts && last) last.text += ` ${text}`
    else blocks.push({ line: at + 1, text })
    open = !line.startsWith('#')
  }
  return blocks
}

/** Replaces a code span by one word and removes a link's target, which leaves the text that people read. */
function plain(text: string): string {
  return text
    .replaceAll(/`[^`]+`/g, 'code')
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/https?:\/\/\S+/g, 'link')
    .replaceAll('**', '')
}

/** Ends of sentences; `e.g.` and the like are not written in these pages. */
const END = /(?<=[.!?])["')]*\s+/

export function sentencesOf(page: string): Sentence[] {
  return blocksOf(page).flatMap(({ line, text }) =>
    plain(text)
      .split(END)
      .filter((sentence) => sentence !== '')
      .map((sentence) => ({ line, text: sentence })),
  )
}

export function wordsOf(sentence: string): number {
  return sentence.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length
}

/** The targets of a page's links and pictures. */
export function linksOf(page: string): string[] {
  const prose = page.replaceAll(/```.*?```/gs, '').replaceAll(/`[^`\n]+`/g, '')
  const markdown = [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
  const html = [...prose.matchAll(/(?:src|href)="([^"]+)"/g)]
  return [...markdown, ...html].map(([, target]) => target as string)
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(page: string): Set<string> {
  const seen = new Map<string, number>()
  const anchors = new Set<string>()
  for (const [, heading = ''] of page.replaceAll(/```.*?```/gs, '').matchAll(/^#{1,6} (.+)$/gm)) {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-')
    const nth = seen.get(slug) ?? 0
    seen.set(slug, nth + 1)
    anchors.add(nth === 0 ? slug : `${slug}-${nth}`)
  }
  return anchors
}
