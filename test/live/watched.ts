import { applyLiveChange, type LiveView } from '@penknife/core'
import { expect, onTestFinished } from 'vitest'

/** Watches a view: each value as a client has it, which applies the changes. */
export function watch<Value>(view: LiveView<Value>) {
  const pictures: unknown[] = []
  let picture: Value | undefined
  const stop = view.watch((update) => {
    picture = update.kind === 'state' ? update.value : applyLiveChange(picture as Value, update.change)
    expect(picture).toEqual(update.value)
    pictures.push(picture)
  })
  onTestFinished(stop)
  return { pictures, stop, is: (value: unknown) => JSON.stringify(picture) === JSON.stringify(value) }
}
