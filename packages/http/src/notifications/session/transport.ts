import type { NotifierAdmissionEnd, NotifierEvent } from '@penknife/core'

import type { Cursor } from './cursor.ts'

/** How a session ends, as its client learns it. */
export type Farewell =
  /** The client is to come back after these milliseconds; undefined: when it likes. */
  | { readonly kind: 'come back'; readonly afterMs: number | undefined }
  /** The client is not to come back by itself; it may ask to go on from its cursor. */
  | { readonly kind: 'closed'; readonly reason: NotifierAdmissionEnd; readonly cursor: string }

/** Carries one session to its client: it frames what the session says, and writes it. It decides nothing. */
export interface Transport {
  /** Called once, before everything else: how long the client is to wait before it reconnects. */
  open(reconnectAfterMs: number | undefined): void
  /** An event; the cursor is at the event already. */
  event(event: NotifierEvent, cursor: Cursor): void
  /** The client's position, without an event. */
  position(cursor: string): void
  /** Events were lost: the client must load the channel's state afresh. */
  reset(channel: string, cursor: string): void
  /** The client may follow the channel no longer. */
  revoked(channel: string, cursor: string): void
  /** Something small for a quiet client, so that nothing on the way takes the connection for dead. */
  keepAlive(): void
  /** Says farewell and ends. Resolves when the client took all of it, or is cut off `graceMs` later. */
  close(farewell: Farewell, graceMs: number): Promise<void>
  /** Cuts the connection. */
  destroy(): void

  /** Bytes that the client has not taken yet. */
  readonly unsentBytes: number
  /** The last write found no room. */
  readonly full: boolean
  /** Writes now what it has queued. */
  flush(): void
  /** Calls once when the client took all that was written, or some of it was still on its way before. */
  onDrain(listener: () => void): void

  /** Ended by either side. */
  readonly closed: boolean
  /** Calls once when it is closed; at once when it is already. */
  onClose(listener: () => void): void
  /** Whether it can be in a group. */
  readonly groupable: boolean
}

export interface GroupMember {
  readonly transport: Transport
}

/** Many clients that get the same events: each event is framed once, and written to all in one pass. */
export interface TransportGroup<Member extends GroupMember> {
  readonly size: number
  /** From the next event on. Nothing may be queued in the member's transport, and it must be groupable. */
  add(member: Member): void
  /** Writes to it by itself what the group queued so far. False when it was not a member. */
  delete(member: Member): boolean
  /** An event; the cursor is at the event already. */
  event(event: NotifierEvent, cursor: Cursor): void
}

/** One kind of transport, such as server-sent events. */
export interface TransportKind {
  /** @param onFull called for a member that the group let go, because its last write found no room */
  createGroup<Member extends GroupMember>(onFull: (member: Member) => void): TransportGroup<Member>
}
