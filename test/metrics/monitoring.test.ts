import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { DEFINITIONS, type MetricName } from '../../packages/core/src/metrics/definitions.ts'
import { anchorsOf } from '../docs/prose.ts'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

interface Dashboard {
  readonly panels: readonly {
    readonly title: string
    readonly targets: readonly { readonly expr: string }[]
  }[]
}

const alerts = read('docs/monitoring/alerts.yml')
const { panels } = JSON.parse(read('docs/monitoring/grafana.json')) as Dashboard

/** Expressions of the alert rules and of the dashboard, with the name of each. */
const expressions: readonly (readonly [string, string])[] = [
  ...alerts
    .split('- alert: ')
    .slice(1)
    .map((rule): [string, string] => [
      rule.split('\n', 1)[0] ?? '',
      /expr:([^]*?)\n {8}(?:for|labels):/.exec(rule)?.[1] ?? '',
    ]),
  ...panels.flatMap(({ title, targets }) => targets.map(({ expr }): [string, string] => [title, expr])),
]

/** Labels that Prometheus adds. */
const OWN = ['redis', 'instance', 'le']

function labelsOf(metric: string): readonly string[] {
  const { names, kinds } = DEFINITIONS[metric as MetricName]
  return [...OWN, ...names, ...kinds]
}

test('there are alerts and panels', () => {
  expect(expressions.length).toBeGreaterThan(25)
})

test.each(expressions)('%s names metrics and labels that exist', (_, expression) => {
  const selectors = [...expression.matchAll(/(penknife_\w+)(?:\{([^}]*)\})?/g)]
  expect(selectors.length).toBeGreaterThan(0)
  const known = new Set<string>()
  for (const [, written = '', matchers = ''] of selectors) {
    const name = written.replace(/(_seconds|_calls)_(bucket|sum|count)$/, '$1')
    expect(Object.keys(DEFINITIONS)).toContain(name)
    const labels = labelsOf(name)
    for (const label of labels) known.add(label)
    for (const [, label] of matchers.matchAll(/(\w+)=/g)) expect(labels, written).toContain(label)
    // A value of a label that the code lists is in the help of its metric.
    for (const [, label = '', value = ''] of matchers.matchAll(/(outcome|state|decided_by)=~?"([^"]*)"/g)) {
      const { help } = DEFINITIONS[name as MetricName]
      for (const each of value.split('|')) expect(help.split(`${label}:`)[1]).toContain(each)
    }
  }
  for (const [, by = ''] of expression.matchAll(/by \(([^)]*)\)/g)) {
    for (const label of by.split(', ')) expect([...known]).toContain(label)
  }
})

test('every alert has a place in the documentation that says what to do', () => {
  const places = [...alerts.matchAll(/runbook: (\S+)#(\S+)/g)]
  expect(places).toHaveLength(alerts.split('- alert: ').length - 1)
  for (const [, path = '', anchor] of places) expect([...anchorsOf(read(path))], path).toContain(anchor)
})
