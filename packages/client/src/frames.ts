import type { LiveRefusal, LiveTransport } from './types.ts'

/** What a server tells about a channel, over any transport. */
export type Frame =
  | {
      readonly kind: 'event'
      readonly channel: string
      readonly id: string | null
      readonly type: string
      readonly data: unknown
    }
  | { readonly kind: 'position' | 'reset'; readonly channel: string; readonly id: string | null }
  | { readonly kind: 'state'; readonly channel: string; readonly id: string; readonly state: unknown }
  | { readonly kind: 'revoked'; readonly channel: string }

/** How a link ended. */
export interface LinkEnd {
  /** The client must not connect again by itself, for this reason. */
  readonly final?: string | undefined
  /** When to connect again, if the server says so. */
  readonly afterMs?: number | undefined
}

/** What a link tells its client. */
export interface LinkListener {
  open(): void
  frame(frame: Frame): void
  refused(channel: string, reason: LiveRefusal | 'unavailable'): void
  /** Called once, also when it never opened. Not after `close`. */
  ended(end: LinkEnd): void
}

/** The position in each channel; undefined: from the next event. */
export type Positions = ReadonlyMap<string, string | undefined>

/** One connection to a server. */
export interface Link {
  readonly transport: LiveTransport
  /** Follows more channels. `all` are the channels that are followed then. */
  join(added: Positions, all: Positions): void
  leave(channel: string): void
  /** Renews the rights; only a reconnect does that if there is no such function. Resolves with undefined if the link ended first. */
  readonly auth?: (token: string) => Promise<boolean | undefined>
  /** Makes sure that the server is there, for when time may have passed unnoticed. Else it ends. */
  probe(frozen: boolean): void
  close(): void
}
