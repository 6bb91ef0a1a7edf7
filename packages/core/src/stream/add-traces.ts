import type { TracedAdd, TracedCreate } from '../trace-messages.ts'
import { traced } from '../traced.ts'
import type { StreamEvent } from './event-types.ts'

/** Returns the traceparent of entries that were given none. */
export type AmbientTrace = () => string | undefined

/** Publishes adds to tracers, which may give entries a traceparent. */
export interface AddTraces {
  /** Whether a tracer follows adds; otherwise call `add` yourself. */
  readonly observed: boolean
  /** Calls `add`. `entries`: how many, for `addMany`. */
  follow<Result>(
    options: { readonly traceparent?: string | undefined } | undefined,
    entries: number | undefined,
    add: (ambient: AmbientTrace) => Promise<Result>,
  ): Promise<Result>
  /** For an entry that is added later, by `record` or `commit`. */
  create(options: { readonly traceparent?: string | undefined } | undefined): AmbientTrace | undefined
}

const ADD = traced('add')
const CREATE = traced('create')

/** `application`: the `traceparent` function of the stream, which is called for entries that have no other. */
export function createAddTraces(
  identity: Pick<StreamEvent, 'space' | 'name'>,
  application: AmbientTrace | undefined,
): AddTraces {
  return {
    get observed() {
      return ADD.observed
    },
    follow(options, entries, add) {
      const message: TracedAdd = { ...identity, entries, traceparent: options?.traceparent }
      return ADD.follow(message, () => add(() => message.traceparent ?? application?.()))
    },
    create(options) {
      if (!CREATE.observed) return application
      const message: TracedCreate = { ...identity, traceparent: options?.traceparent }
      CREATE.begin(message, () => {})
      return message.traceparent === undefined ? application : () => message.traceparent
    },
  }
}
