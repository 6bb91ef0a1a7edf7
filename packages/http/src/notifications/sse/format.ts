import type { NotifierMessage, NotifierState } from '@penknife/core'
import { disown, invalid } from '@penknife/core/internal'

import type { Report } from '../../warn.ts'

/** The fields of a server-sent event. */
export interface NotificationFields {
  /** Plain text of any number of lines. */
  readonly data: string
  /** Default: the type of the event, or 'state'. */
  readonly event?: string
  /**
   * An id of your own, 1 to 128 of `A-Z a-z 0-9 _ . : -`. The client gets it before a comma and its position, and resumes as
   * without it. Not for nudges, which have no position.
   */
  readonly id?: string
}

/** How events look on the wire. */
export type NotificationFormat =
  | 'envelope'
  | 'raw'
  | ((event: NotifierMessage | NotifierState) => NotificationFields)

/** Checked fields: `data` is plain text, or JSON that may become one line. */
export interface Fields {
  readonly type: string
  readonly data: string | { readonly json: string }
  readonly id?: string | undefined
}

/** Returns the fields of an event. Undefined: the application's function failed, and that was reported. */
export type Format = (event: NotifierMessage | NotifierState) => Fields | undefined

const NAME = /^[^\r\n\0]{1,128}$/
const ID = /^[\w.:-]{1,128}$/

/** `{"channel":…,"data":…}`, which has the JSON text that was published, or `{"channel":…,"state":…}`. */
export function inEnvelope(event: NotifierMessage | NotifierState): Fields {
  const { channel } = event
  if (event.kind === 'state')
    return { type: 'state', data: { json: JSON.stringify({ channel, state: event.state }) } }
  return { type: event.type, data: { json: `{"channel":${JSON.stringify(channel)},"data":${event.json}}` } }
}

/** Text as it is, and anything else as JSON. */
function raw(event: NotifierMessage | NotifierState): Fields {
  const type = typeOf(event)
  const data = event.kind === 'state' ? event.state : event.data
  if (typeof data === 'string') return { type, data }
  return { type, data: { json: event.kind === 'state' ? JSON.stringify(data) : event.json } }
}

export function formatOf(format: NotificationFormat, report: Report): Format {
  if (format === 'envelope') return inEnvelope
  if (format === 'raw') return raw
  if (typeof format !== 'function') {
    throw invalid('notifications format', format, "give 'envelope', 'raw', or a function of the event")
  }
  return (event) => {
    try {
      return checked(format(event), typeOf(event))
    } catch (error) {
      report(error)
      return undefined
    }
  }
}

function typeOf(event: NotifierMessage | NotifierState): string {
  return event.kind === 'state' ? 'state' : event.type
}

function checked(fields: NotificationFields, type: string): Fields {
  const { data, event = type, id } = fields
  const what = 'the result of notifications format'
  disown(fields)
  if (typeof data !== 'string') throw invalid(what, fields, 'return an object with the text data')
  if (typeof event !== 'string' || !NAME.test(event)) {
    throw invalid(what, fields, 'return as event 1 to 128 characters without line breaks')
  }
  if (id !== undefined && (typeof id !== 'string' || !ID.test(id))) {
    throw invalid(what, fields, 'return as id 1 to 128 of the characters A-Z a-z 0-9 _ . : -')
  }
  return { type: event, data, id }
}
