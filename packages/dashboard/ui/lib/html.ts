import htm from 'htm'
import { type ComponentChild, h, type VNode } from 'preact'

export type Child = ComponentChild

type Template = (strings: readonly string[], ...values: unknown[]) => VNode

// The types of htm are those of a CommonJS module, and bundlers take its ES module.
const { bind } = htm as unknown as { bind(this: unknown, create: typeof h): Template }
const template: Template = bind.call(htm, h)

/** The strings of each template with its line breaks as spaces. htm keeps what it parsed by the identity of the strings. */
const spaced = new WeakMap<TemplateStringsArray, readonly string[]>()

/**
 * A template of elements: preact without a compiler. htm drops white space with a line break; here it counts as a space, as in HTML, so that
 * the formatter changes nothing.
 */
export function html(strings: TemplateStringsArray, ...values: readonly unknown[]): VNode {
  let parts = spaced.get(strings)
  if (parts === undefined) {
    parts = strings.map((text) => text.replace(/\s*\n\s*/g, ' '))
    spaced.set(strings, parts)
  }
  return template(parts, ...values)
}
