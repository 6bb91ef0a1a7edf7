import { trace, type Tracer } from '@opentelemetry/api'

import { invalid } from '../errors.ts'
import { checkOptions } from '../options.ts'
import type { TracedOperations } from '../trace-messages.ts'
import type { TracingOptions } from './types.ts'

export type OperationName = keyof TracedOperations

export interface TracingSettings {
  readonly tracer: Tracer
  readonly asParent: boolean
  readonly operations: ReadonlySet<OperationName>
}

const ALL: readonly OperationName[] = [
  'add',
  'create',
  'process',
  'settle',
  'commit',
  'record',
  'publish',
  'take',
]

export function readOptions(options: TracingOptions): TracingSettings {
  checkOptions('createTracing', options, ['tracerProvider', 'delivery', 'operations'])
  const { tracerProvider = trace.getTracerProvider(), delivery = 'link', operations = ALL } = options
  if (typeof tracerProvider?.getTracer !== 'function') {
    throw invalid('tracerProvider', tracerProvider, 'give a TracerProvider of OpenTelemetry, or leave it out')
  }
  if (delivery !== 'link' && delivery !== 'parent') {
    throw invalid('delivery', delivery, "give 'link' or 'parent'")
  }
  if (!Array.isArray(operations) || operations.length === 0) {
    throw invalid('operations', operations, `give a list of ${ALL.join(', ')}`)
  }
  for (const name of operations) {
    if (!ALL.includes(name)) throw invalid('operations', name, `give some of ${ALL.join(', ')}`)
  }
  return {
    tracer: tracerProvider.getTracer('@penknife/core'),
    asParent: delivery === 'parent',
    operations: new Set(operations),
  }
}
