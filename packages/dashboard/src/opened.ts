import type { Inspector, InspectStream } from '@penknife/core'

const MOST = 200
/** A process may have declared it anew meanwhile. */
const KEPT_MS = 60_000

/** Opens streams, and keeps them for a while: rates count from the reading before, which an opened stream remembers. */
export function createOpened(inspector: Inspector): (space: string, name: string) => Promise<InspectStream> {
  const opened = new Map<string, { readonly at: number; readonly stream: Promise<InspectStream> }>()
  return (space, name) => {
    const key = `${space} ${name}`
    const found = opened.get(key)
    const now = performance.now()
    if (found && now - found.at < KEPT_MS) return found.stream
    if (opened.size >= MOST) opened.clear()
    const stream = inspector.stream(space, name)
    opened.set(key, { at: now, stream })
    // A failure is not kept.
    stream.catch(() => opened.delete(key))
    return stream
  }
}
