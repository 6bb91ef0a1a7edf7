import type { WebSocketClass } from './types.ts'

/** The state of an entry that `accept` serves, as GET returns it. */
export interface EntryState {
  /** 'waiting', 'queued', 'delayed', 'running', 'retrying', 'done', 'dead', 'cancelled'; 'gone': it is not known any more. */
  readonly state: string
  readonly attempts?: number
  readonly dueMs?: number
  readonly progress?: unknown
  /** What the handler returned, of an entry that is done. */
  readonly result?: unknown
  /** Why it is a dead letter. */
  readonly why?: string
}

export interface FollowOptions {
  /** Called with the state at each connect. */
  readonly onState?: ((state: EntryState) => void) | undefined
  /** Called with the last progress, and each later one. */
  readonly onProgress?: ((progress: unknown) => void) | undefined
  /** Called with each part of the output, in order and once, and the cursor after it. */
  readonly onOutput?: ((text: string, cursor: string) => void) | undefined
  /** Another attempt writes its output from the start: delete the earlier text. */
  readonly onRestart?: (() => void) | undefined
  /** Called once, last: how it ended. 'refused': the server does not let this client follow it, or knows no such entry. */
  readonly onEnd?: ((end: EntryState) => void) | undefined
  /** The cursor after which to begin, of an earlier `onOutput`. Default: the whole output. */
  readonly from?: string | undefined
  /** As in `connect`. Default: 25,000. */
  readonly silenceMs?: number | undefined
  /** The WebSocket class, for Node 20: that of `ws`. Default: the global one. */
  readonly WebSocket?: WebSocketClass | undefined
}

/** 'cancelled', or why it was not: see docs/protocol.md. 'unavailable': the socket is not open, or Redis does not answer. */
export type Cancelled = 'cancelled' | 'too late' | 'forbidden' | 'unsupported' | 'unavailable' | 'failed'

export interface Following {
  /** The cursor after the last output. */
  readonly cursor: string | undefined
  /** Cancels the entry. */
  cancel(): Promise<Cancelled>
  /** Stops following. The entry goes on. */
  close(): void
}
