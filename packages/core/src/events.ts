import { channel } from 'node:diagnostics_channel'

import { runSafely } from './callbacks.ts'
import { invalid } from './errors.ts'

/** Sends events to its listeners and to the node:diagnostics_channel with its name. */
export interface Topic<Event> {
  emit(event: Event): void
  /** Adds a listener; the returned function removes it. */
  on(listener: (event: Event) => void): () => void
  /** Whether there is a listener; otherwise an event need not be created. */
  readonly hasListeners: boolean
}

/** `context` is added to the events on the channel, which several topics of one name share. */
export function createTopic<Event extends object>(name: string, context?: object): Topic<Event> {
  const listeners = new Set<(event: Event) => void>()
  const diagnostics = channel(name)
  return {
    emit(event) {
      if (diagnostics.hasSubscribers) diagnostics.publish(context ? { ...context, ...event } : event)
      for (const listener of listeners) {
        // An error of a listener is reported, and must not affect the feature or other listeners.
        runSafely(`a listener of ${name} failed`, () => listener(event))
      }
    },
    on(listener) {
      if (typeof listener !== 'function') throw invalid('listener', listener, 'give a function')
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    get hasListeners() {
      return listeners.size > 0 || diagnostics.hasSubscribers
    },
  }
}
