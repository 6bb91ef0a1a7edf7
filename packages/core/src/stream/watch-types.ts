import type { WorkerEvent } from './event-types.ts'

/** What a process that watches a stream gets. Errors are texts of at most 1,000 characters. */
export type StreamWatchEvent =
  | Sent<WorkerEvent>
  | {
      readonly space: string
      readonly name: string
      /**
       * `watching`: from now on events arrive, at the beginning and after each interruption; those before may be missing. `interrupted`: the
       * connection broke. `skipped`: a worker had more events than it may send, and left `events` out.
       */
      readonly kind: 'watching' | 'interrupted'
    }
  | { readonly space: string; readonly name: string; readonly kind: 'skipped'; readonly events: number }

type Sent<Event> = Event extends { readonly error: unknown }
  ? Omit<Event, 'error'> & { readonly error: string }
  : Event

/** A watch of a stream. */
export interface StreamWatch {
  /** Ends it. */
  close(): void
  [Symbol.dispose](): void
}
