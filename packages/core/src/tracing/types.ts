import type { TracerProvider } from '@opentelemetry/api'

import type { TracedOperations } from '../trace-messages.ts'

export interface TracingOptions {
  /** Where the tracer comes from. Default: the global provider of `@opentelemetry/api`. */
  readonly tracerProvider?: TracerProvider | undefined
  /**
   * How a delivery refers to the span that added its entry. `link`: each attempt is a trace of its own, with a link to that span. `parent`: each attempt
   * is a child of that span, in its trace. Default: 'link'.
   */
  readonly delivery?: 'link' | 'parent' | undefined
  /** The operations that get spans. The others cost nothing. Default: all. */
  readonly operations?: readonly (keyof TracedOperations)[] | undefined
}

/** Spans of this process. Created by `createTracing`. */
export interface Tracing extends Disposable {
  /** Makes no more spans. Those that have begun still end. */
  close(): void
}
