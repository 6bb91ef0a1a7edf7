import type { NotifierAdmissionEnd, NotifierEvent } from '@penknife/core'

import type { Cursor } from './cursor.ts'

/** The last message of a session to its client. */
export type Farewell =
  /** The client should reconnect after these milliseconds; undefined: at its own time. */
  | { readonly kind: 'reconnect'; readonly afterMs: number | undefined }
  /** The client should not reconnect by itself. Its page may offer to continue from the cursor. */
  | { readonly kind: 'closed'; readonly reason: NotifierAdmissionEnd; readonly cursor: string }

/** Frames and writes the messages of one session to its client. It decides nothing. */
export interface Transport {
  /** Called once, before everything else, with the time after which the client should reconnect. */
  open(reconnectAfterMs: number | undefined): void
  /** Writes an event. The cursor is already at the event. */
  event(event: NotifierEvent, cursor: Cursor): void
  /** Writes the client's position, without an event. */
  position(cursor: string): void
  /** Writes that events were lost: the client must load the channel's state again. */
  reset(channel: string, cursor: string): void
  /** Writes that the client may no longer follow the channel. */
  revoked(channel: string, cursor: string): void
  /** Writes something small to an idle client, so that proxies keep the connection. */
  keepAlive(): void
  /** Writes the farewell and ends. Resolves when everything was sent; after `graceMs` it cuts the connection. */
  close(farewell: Farewell, graceMs: number): Promise<void>
  /** Cuts the connection. */
  destroy(): void

  /** Bytes that the client has not received yet. */
  readonly unsentBytes: number
  /** Whether the socket's buffer is full since the last write. */
  readonly full: boolean
  /** Sends the queued text now. */
  flush(): void
  /** Calls the listener once, when the connection has sent everything that was written. */
  onDrain(listener: () => void): void

  /** Whether either side has ended it. */
  readonly closed: boolean
  /** Calls the listener once when it is closed; at once if it is closed already. */
  onClose(listener: () => void): void
  /** Whether it can be in a group. */
  readonly groupable: boolean
}

export interface GroupMember {
  readonly transport: Transport
}

/** Many clients that get the same events. Each event is framed once, and written to all in one pass. */
export interface TransportGroup<Member extends GroupMember> {
  readonly size: number
  /** The member gets the next event. Its transport must be groupable, and have nothing queued. */
  add(member: Member): void
  /** Removes a member, and gives its own transport the text in the group's queue. Returns false if it was not a member. */
  delete(member: Member): boolean
  /** Writes an event. The cursor is already at the event. */
  event(event: NotifierEvent, cursor: Cursor): void
}

/** One kind of transport, such as server-sent events. */
export interface TransportKind {
  /** @param onFull called for a member that left the group because its socket's buffer is full */
  createGroup<Member extends GroupMember>(onFull: (member: Member) => void): TransportGroup<Member>
}
