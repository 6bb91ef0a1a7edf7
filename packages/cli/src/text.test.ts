import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { createStyle } from './style.ts'
import { tableLines } from './table.ts'
import { fit, visible, visibleJson, widthOf } from './text.ts'

const CONTROLS =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/
const anyText = fc.string({
  unit: fc.nat({ max: 0xff_ff }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
})
/** As fast-check's unit 'binary', which first lists all characters, in a second. */
const anyCharacter = fc
  .nat({ max: 0x10_ff_ff })
  .map((code) => String.fromCodePoint(code >> 11 === 0x1b ? 0x41 : code))
const anyCharacters = fc.string({ unit: anyCharacter, maxLength: 60 })

/** Every UTF-16 unit, in texts that are shown whole. */
function* everyUnit(): Generator<string> {
  for (let from = 0; from <= 0xff_ff; from += 4096)
    yield String.fromCharCode(...Array.from({ length: 4096 }, (_, at) => from + at))
}

test('visible text has no character that controls a terminal, whatever it was made of', () => {
  for (const text of everyUnit()) {
    if (CONTROLS.test(visible(text))) expect.fail(`of the units from ${text.charCodeAt(0)} on`)
  }
  fc.assert(
    fc.property(fc.oneof(anyText, anyCharacters), (text) => {
      expect(CONTROLS.test(visible(text))).toBe(false)
    }),
    { numRuns: 200 },
  )
  expect(visible('\u001b[31mred\n\u{E0041}é漢')).toBe('\\u001b[31mred\\n\\u{e0041}é漢')
  expect(visible('x'.repeat(20_000))).toHaveLength(10_001)
})

test('visible JSON parses to the same value', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: anyCharacter }), fc.boolean(), (value, indented) => {
      const text = visibleJson(value, indented ? 2 : undefined)
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
      expect(CONTROLS.test(text.replaceAll('\n', ''))).toBe(false)
    }),
    { numRuns: 300 },
  )
  for (const text of everyUnit()) {
    const json = visibleJson(text)
    if (JSON.parse(json) !== text || CONTROLS.test(json))
      expect.fail(`of the units from ${text.charCodeAt(0)} on`)
  }
})

test('a line of a table fits the terminal, and colours do not count', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(anyCharacters, anyCharacters, fc.integer()), { maxLength: 5 }),
      fc.integer({ min: 50, max: 120 }),
      (rows, columns) => {
        const table = {
          head: ['A', 'B', 'COUNT'],
          rows: rows.map(([a, b, count]) => [a, { text: b, tone: 'red' as const }, count]),
        }
        const lines = tableLines(table, createStyle(true), columns)
        expect(lines).toHaveLength(rows.length + 1)
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns)
      },
    ),
  )
})

test('wide characters take two columns, marks none', () => {
  expect(widthOf('漢字')).toBe(4)
  expect(widthOf('é')).toBe(1)
  expect(fit('漢字漢字', 5)).toBe('漢字…')
  expect(fit('short', 5)).toBe('short')
})
