import {
  type Attributes,
  context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  trace,
} from '@opentelemetry/api'

import type { CommitAnswer, RecordAnswer } from '../record/types.ts'
import type { LimiterDecision } from '../limiter/decision-types.ts'
import type { LimiterReservation } from '../limiter/types.ts'
import type { TracedDelivery, TracedOperations } from '../trace-messages.ts'
import { checkedTraceparent } from '../traceparent.ts'
import { contextOf, traceparentOf } from './contexts.ts'
import type { OperationName, TracingSettings } from './options.ts'

/** How the messages of an operation become a span. */
interface Spans<Message> {
  /** Begins the span; undefined: this message gets none. */
  begin(message: Message): Span | undefined
  /** What is known when it succeeded. */
  succeeded?(message: Message): Attributes
}

export type AllSpans = { readonly [Name in OperationName]: Spans<TracedOperations[Name]> }

const { CLIENT, CONSUMER, INTERNAL, PRODUCER } = SpanKind

/** Attributes that all spans about messages have, see docs/tracing.md. */
function messaging(
  operation: string,
  type: string,
  { space, name }: { space: string; name: string },
): Attributes {
  return {
    'messaging.system.name': 'redis',
    'messaging.operation.name': operation,
    'messaging.operation.type': type,
    'messaging.destination.name': `${space}:${name}`,
  }
}

function inGroup({ group, consumer }: { group: string; consumer: string }): Attributes {
  return { 'messaging.consumer.group.name': group, 'messaging.client.id': consumer }
}

/** Attributes of a delivery. */
function ofDelivery({ id, attempt, fence }: TracedDelivery): Attributes {
  return { 'messaging.message.id': id, 'penknife.attempt': attempt, 'penknife.fence': fence }
}

function linksTo(deliveries: readonly TracedDelivery[]): Link[] {
  return deliveries.flatMap((delivery) => {
    const { traceparent } = delivery
    return traceparent === undefined
      ? []
      : [{ context: contextOf(traceparent), attributes: deliveries.length > 1 ? ofDelivery(delivery) : {} }]
  })
}

/** `spanOf` returns the span that was begun for a message. */
export function createSpans(
  { tracer, asParent }: TracingSettings,
  spanOf: (message: object) => Span | undefined,
): AllSpans {
  return {
    add: {
      begin(message) {
        const { entries, space, name, traceparent } = message
        const operation = entries === undefined ? 'add' : 'addMany'
        const span = tracer.startSpan(`${operation} ${space}:${name}`, {
          kind: PRODUCER,
          attributes: {
            ...messaging(operation, 'send', message),
            ...(entries === undefined ? {} : { 'messaging.batch.message_count': entries }),
          },
        })
        message.traceparent ??= traceparentOf(span.spanContext())
        if (traceparent !== undefined) linkTo(span, traceparent)
        return span
      },
      succeeded: ({ result }) => (typeof result === 'string' ? { 'messaging.message.id': result } : {}),
    },
    create: {
      begin(message) {
        const { space, name, traceparent } = message
        // The application gave its own context, so the entry needs no other.
        if (traceparent !== undefined) return undefined
        const span = tracer.startSpan(`create ${space}:${name}`, {
          kind: PRODUCER,
          attributes: messaging('create', 'create', message),
        })
        message.traceparent = traceparentOf(span.spanContext())
        return span
      },
    },
    process: {
      begin(message) {
        const { space, name, deliveries, batch } = message
        const [only] = deliveries
        const one = batch ? undefined : only
        const parent = asParent && deliveries.length === 1 ? only?.traceparent : undefined
        const span = tracer.startSpan(
          `process ${space}:${name}`,
          {
            kind: CONSUMER,
            links: parent === undefined ? linksTo(deliveries) : [],
            attributes: {
              ...messaging('process', 'process', message),
              ...inGroup(message),
              ...(one ? ofDelivery(one) : { 'messaging.batch.message_count': deliveries.length }),
            },
          },
          parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, contextOf(parent)),
        )
        message.run = (call) => context.with(trace.setSpan(ROOT_CONTEXT, span), call)
        return span
      },
    },
    settle: {
      begin(message) {
        const { space, name, delivery, outcome, process } = message
        const parent = process && spanOf(process)
        // Nobody asks what became of an entry that was only fetched and given back.
        if (!parent && outcome !== 'dead') return undefined
        return tracer.startSpan(
          `settle ${space}:${name}`,
          {
            kind: CLIENT,
            links: linksTo([delivery]),
            attributes: {
              ...messaging('settle', 'settle', message),
              ...inGroup(message),
              ...ofDelivery(delivery),
              'penknife.outcome': outcome,
            },
          },
          parent ? trace.setSpan(ROOT_CONTEXT, parent) : ROOT_CONTEXT,
        )
      },
    },
    commit: {
      begin(message) {
        const { space, name, id, effects } = message
        return tracer.startSpan(`commit ${space}:${name}`, {
          kind: CLIENT,
          attributes: {
            ...messaging('commit', 'settle', message),
            ...inGroup(message),
            'messaging.message.id': id,
            'penknife.effects': effects,
          },
        })
      },
      succeeded: ({ result }) => {
        const answer = result as CommitAnswer<unknown>
        return { 'penknife.outcome': answer.ok ? 'done' : answer.lost ? 'lost' : 'refused' }
      },
    },
    record: {
      begin: ({ space, effects }) =>
        tracer.startSpan(`record ${space}`, {
          kind: CLIENT,
          attributes: { 'penknife.space': space, 'penknife.effects': effects },
        }),
      succeeded: ({ result }) => {
        const answer = result as RecordAnswer<unknown>
        return { 'penknife.outcome': answer.ok ? (answer.repeated ? 'repeated' : 'done') : 'refused' }
      },
    },
    publish: {
      begin: (message) =>
        tracer.startSpan(`publish ${message.space}:${message.name}`, {
          // The context is not carried to subscribers.
          kind: CLIENT,
          attributes: messaging('publish', 'send', message),
        }),
      succeeded: ({ result }) => ({ 'messaging.message.id': String(result) }),
    },
    take: {
      begin: ({ space, name }) =>
        tracer.startSpan(`take ${space}:${name}`, {
          kind: INTERNAL,
          attributes: { 'penknife.space': space, 'penknife.limiter': name },
        }),
      succeeded: ({ result }) => {
        const taken = result as LimiterDecision | LimiterReservation
        const { allowed, blocked, rule, decidedBy } = 'decision' in taken ? taken.decision : taken
        return {
          'penknife.outcome': blocked ? 'blocked' : allowed ? 'allowed' : 'denied',
          'penknife.decided_by': decidedBy,
          ...(blocked ? {} : { 'penknife.rule': rule }),
        }
      },
    },
  }
}

/** A link to the context that the application gave. Malformed text is dropped. */
function linkTo(span: Span, traceparent: string): void {
  const checked = checkedTraceparent(traceparent)
  if (checked !== undefined) span.addLink({ context: contextOf(checked) })
}
