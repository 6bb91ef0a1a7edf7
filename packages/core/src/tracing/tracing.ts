import { type Span, SpanStatusCode } from '@opentelemetry/api'
import { tracingChannel } from 'node:diagnostics_channel'

import { reportFault } from '../callbacks.ts'
import { invalid, PenknifeError } from '../errors.ts'
import { cut, errorText, printable } from '../text.ts'
import { type OperationName, readOptions } from './options.ts'
import { createSpans } from './spans.ts'
import type { Tracing, TracingOptions } from './types.ts'

/** Longest text of an error, and of its stack, that a span gets. */
const LONGEST = 1000
const LONGEST_STACK = 8000

/** Two at once would make every span twice. */
let active: Tracing | undefined

/**
 * Makes spans of OpenTelemetry for what the penknifes of this process do, and carries the context of an add to the handlers of its entry.
 * docs/tracing.md lists the spans, their names, kinds and attributes.
 *
 * Call it once, after the SDK was set up. It subscribes to the tracing channels of penknife. An entry has a field more in Redis. No command is
 * sent.
 *
 * @throws PENKNIFE_INVALID for a wrong option, and while tracing is on already.
 */
export function createTracing(options: TracingOptions = {}): Tracing {
  const settings = readOptions(options)
  if (active)
    throw invalid('createTracing', 'called again', 'tracing is on in this process: close() it first')
  const spans = new WeakMap<object, Span>()
  const all = createSpans(settings, (message) => spans.get(message))
  const ends = [...settings.operations].map((name) => follow(name, all[name], spans))

  function close(): void {
    if (active !== tracing) return
    active = undefined
    for (const end of ends) end()
  }

  const tracing: Tracing = { close, [Symbol.dispose]: close }
  active = tracing
  return tracing
}

interface AnySpans {
  begin(message: object): Span | undefined
  succeeded?(message: object): Parameters<Span['setAttributes']>[0]
}

/** Subscribes to an operation. Returns a function that ends it. */
function follow(
  name: OperationName,
  { begin, succeeded }: AnySpans,
  spans: WeakMap<object, Span>,
): () => void {
  const { start, end, asyncEnd } = tracingChannel<unknown, object>(`penknife:${name}`)
  let reported = false
  /** Spans that have not ended. */
  let open = 0
  let closed = false

  /** An SDK with the application's processors and samplers may throw. The operation goes on. */
  function safely(run: () => void): void {
    try {
      run()
    } catch (error) {
      if (!reported) reportFault(`tracing of penknife:${name} failed`, error)
      reported = true
    }
  }

  const onStart = (message: unknown): void =>
    safely(() => {
      const span = begin(message as object)
      if (!span) return
      spans.set(message as object, span)
      open += 1
    })
  const onEnd = (message: unknown): void =>
    safely(() => {
      const span = spans.get(message as object)
      if (!span) return
      open -= 1
      if (closed && open === 0) last.unsubscribe(onEnd)
      try {
        if ('error' in (message as object)) fail(span, (message as { error: unknown }).error)
        else if (succeeded) span.setAttributes(succeeded(message as object))
      } finally {
        span.end()
      }
    })
  const last = name === 'create' ? end : asyncEnd
  start.subscribe(onStart)
  last.subscribe(onEnd)
  return () => {
    start.unsubscribe(onStart)
    closed = true
    if (open === 0) last.unsubscribe(onEnd)
  }
}

function fail(span: Span, error: unknown): void {
  const message = printable(errorText(error), LONGEST)
  const { name, stack } = error instanceof Error ? error : { name: 'Error', stack: undefined }
  span.setAttribute('error.type', error instanceof PenknifeError ? error.code : name)
  span.recordException({
    name,
    message,
    ...(stack === undefined ? {} : { stack: cut(stack, LONGEST_STACK) }),
  })
  span.setStatus({ code: SpanStatusCode.ERROR, message })
}
