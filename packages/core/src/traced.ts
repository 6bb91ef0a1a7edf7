import { tracingChannel } from 'node:diagnostics_channel'

import type { TracedOperations } from './trace-messages.ts'

/** An operation that tracers follow, by a tracing channel of node:diagnostics_channel. */
export interface Traced<Message extends object> {
  /** Whether `start` has a subscriber. Otherwise make no message and publish nothing. */
  readonly observed: boolean
  /** Follows a call until its promise settles. Sets `result` or `error` of the message. */
  follow<Result>(message: Message, run: () => Promise<Result>): Promise<Result>
  /** Publishes the start, with what runs at once. The operation goes on until `end`. */
  begin<Result>(message: Message, run: () => Result): Result
  /** Ends what `begin` began, with its error if it failed. Call it once. */
  end(message: Message, error?: unknown): void
}

/** The channels of an operation, `tracing:penknife:<name>:start` and so on. */
export function traced<Name extends keyof TracedOperations>(name: Name): Traced<TracedOperations[Name]> {
  type Message = TracedOperations[Name]
  const channel = tracingChannel<unknown, Message>(`penknife:${name}`)
  const { start } = channel
  return {
    get observed() {
      return start.hasSubscribers
    },
    follow: (message, run) => channel.tracePromise(run, message),
    begin(message, run) {
      return start.runStores(message, () => {
        try {
          return run()
        } finally {
          channel.end.publish(message)
        }
      })
    },
    end(message, error) {
      if (error !== undefined) {
        message.error = error
        channel.error.publish(message)
      }
      channel.asyncStart.publish(message)
      channel.asyncEnd.publish(message)
    },
  }
}
