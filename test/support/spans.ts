import { context, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
  type Span,
} from '@opentelemetry/sdk-trace-base'
import { createTracing, type Tracing, type TracingOptions } from '@penknife/core/tracing'
import { afterAll, beforeAll, onTestFinished } from 'vitest'

import { until } from './until.ts'

/** Spans of a test, by the real SDK and its exporter in memory. */
export interface Recording {
  readonly provider: BasicTracerProvider
  readonly tracing: Tracing
  /** Spans that ended, with that name. */
  named(name: string): readonly ReadableSpan[]
  /** Waits for so many of them. */
  saw(name: string, times?: number): Promise<readonly ReadableSpan[]>
  /** Names of the spans that have not ended. */
  readonly open: readonly string[]
}

/** Lets spans be active, for the tests of a file. */
export function useContexts(): void {
  beforeAll(() => void context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()))
  afterAll(() => context.disable())
}

export function recordSpans(options: TracingOptions = {}, sampler?: Sampler): Recording {
  const exporter = new InMemorySpanExporter()
  const open = new Set<Span>()
  const watch = {
    onStart: (span: Span) => void open.add(span),
    onEnd: (span: ReadableSpan) => void open.delete(span as Span),
    forceFlush: async () => {},
    shutdown: async () => {},
  }
  const provider = new BasicTracerProvider({
    ...(sampler ? { sampler } : {}),
    spanProcessors: [watch, new SimpleSpanProcessor(exporter)],
  })
  const tracing = createTracing({ tracerProvider: provider, ...options })
  onTestFinished(() => tracing.close())
  const named = (name: string): readonly ReadableSpan[] =>
    exporter.getFinishedSpans().filter((span) => span.name === name)
  return {
    provider,
    tracing,
    named,
    async saw(name, times = 1) {
      await until(`${times} spans ${name}`, () => named(name).length >= times)
      return named(name)
    },
    get open() {
      return [...open].map(({ name }) => name)
    },
  }
}

/** What a test compares of a span. */
export function shown({ kind, status, attributes }: ReadableSpan): object {
  return { kind: SpanKind[kind], status: SpanStatusCode[status.code], attributes }
}
