import { address } from './api.ts'

/** The waits before it connects again, in milliseconds. */
const WAITS = [1000, 2000, 5000, 15_000]

export interface EventsHandlers {
  readonly on: Readonly<Record<string, (data: unknown) => void>>
  /** Called when the connection opened, and when it is gone. */
  readonly onState: (open: boolean) => void
}

/** Follows a stream of events until the returned function is called. It connects again after each interruption. */
export function followEvents(name: string, query: object, { on, onState }: EventsHandlers): () => void {
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let failures = 0
  function again(): void {
    source?.close()
    onState(false)
    clearTimeout(timer)
    timer = setTimeout(open, WAITS[Math.min(failures++, WAITS.length - 1)])
  }
  function open(): void {
    source = new EventSource(address(name, query))
    source.addEventListener('open', () => onState(true))
    // A browser gives up after an answer that is no stream, such as 429.
    source.addEventListener('error', again)
    source.addEventListener('end', again)
    for (const [type, handle] of Object.entries(on)) {
      source.addEventListener(type, ({ data }: MessageEvent<string>) => {
        failures = 0
        handle(JSON.parse(data))
      })
    }
  }
  open()
  return () => {
    clearTimeout(timer)
    source?.close()
  }
}
