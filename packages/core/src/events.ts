import { channel } from 'node:diagnostics_channel'

import { runSafely } from './callbacks.ts'
import { invalid } from './errors.ts'

/** Sends events to its listeners and to the node:diagnostics_channel of its name. */
export interface Topic<Event> {
  emit(event: Event): void
  /** Adds a listener; the returned function removes it. */
  on(listener: (event: Event) => void): () => void
  /** Whether anybody listens; if not, an event need not be made. */
  readonly heard: boolean
}

/** `context` is added to what goes to the channel, where the events of many topics of one name meet. */
export function createTopic<Event extends object>(name: string, context?: object): Topic<Event> {
  const listeners = new Set<(event: Event) => void>()
  const diagnostics = channel(name)
  return {
    emit(event) {
      if (diagnostics.hasSubscribers) diagnostics.publish(context ? { ...context, ...event } : event)
      for (const listener of listeners) {
        // A listener's fault must not break what it listens to, nor pass unseen.
        runSafely(`a listener of ${name} failed`, () => listener(event))
      }
    },
    on(listener) {
      if (typeof listener !== 'function') throw invalid('listener', listener, 'give a function')
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    get heard() {
      return listeners.size > 0 || diagnostics.hasSubscribers
    },
  }
}
