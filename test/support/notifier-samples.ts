import { createKeys } from '../../packages/core/src/redis/keys.ts'
import type { Sample } from './sample.ts'

const keys = createKeys('samples', { keyPrefix: 'app:', db: 0 })
const history = keys.history('live', 'room')
const live = keys.live('live', 'room')
const control = keys.control('live')
const controlLive = keys.controlLive('live')
const next = keys.beginnings('live')
const connections = keys.connections('live', 'ann')
const processes = keys.processes('live')
const EVENTS: NonNullable<Sample['before']> = [
  ['XADD', history, '5-1', 't', 'a', 'd', '1', 'g', 'bf5d3a'],
  ['XADD', history, '5-2', 't', 'b', 'd', '2', 'g', 'c0ffee'],
]

const ROOM = [
  keys.presence('counts', 'live', 'room'),
  keys.presence('entries', 'live', 'room'),
  keys.presence('leases', 'live', 'room'),
  history,
  live,
] as const
const due = keys.presenceDue('live')
const PRESENCE = [[next, due], 100, 60_000, 0, 30_000] as const
const MEMBERS: NonNullable<Sample['before']> = [
  ['HSET', ROOM[0], 'ann', 1, 'ben', 2],
  ['ZADD', ROOM[1], 0, 'p\nann', 0, 'p\nben', 0, 'dead\nben'],
  ['ZADD', ROOM[2], '2e15', 'p', 1, 'dead'],
  ['XADD', history, '5-1', 't', 'a', 'd', '1', 'g', 'bf5d3a'],
]

/** Samples of the scripts of notifiers. */
export const NOTIFIER_SAMPLES: Readonly<Record<string, readonly Sample[]>> = {
  'notifier/end': [
    { returns: 'string', item: [history, next] },
    { returns: 'string', item: [history, next], before: EVENTS },
  ],
  'notifier/clear': [{ returns: 'integer', item: [history, next, live], before: EVENTS, channels: [live] }],
  'notifier/join': [
    { returns: 'integer', shared: PRESENCE, item: [...ROOM, 'p', 'ann'], channels: [live] },
    { returns: 'integer', shared: PRESENCE, item: [...ROOM, 'q', 'eve'], before: MEMBERS, channels: [live] },
  ],
  'notifier/leave': [
    { returns: 'integer', shared: PRESENCE, item: [...ROOM, 'p', 'ann'], before: MEMBERS, channels: [live] },
  ],
  'notifier/renew': [
    {
      returns: 'string',
      shared: PRESENCE,
      item: [...ROOM, 'p', 30_000, '1ann'],
      before: MEMBERS,
      channels: [live],
    },
  ],
  'notifier/present': [
    { returns: 'list', shared: PRESENCE, item: [...ROOM, 10], before: MEMBERS, channels: [live] },
  ],
  'notifier/due': [{ returns: 'list', item: [due, 10_000], before: [['ZADD', due, 1, ROOM[1]]] }],
  'notifier/extend': [{ returns: 'integer', shared: [60_000], item: [history], before: EVENTS }],
  'notifier/nudge': [
    {
      returns: 'integer',
      shared: [keys.nudges('live')],
      item: [live, 'room', 'type', '{}'],
      channels: [live, keys.nudges('live')],
    },
  ],
  'notifier/connect': [
    {
      returns: 'string',
      shared: [60_000, processes],
      item: [connections, 'p', 3, '', 1],
      before: [['ZADD', connections, '2e15', '00000000000000001:dead:1', '1', '00000000000000002:p:2']],
      channels: [`${processes}p`],
    },
  ],
  'notifier/publish': [
    {
      returns: 'string',
      shared: [[next], 100, 60_000, 0, 1000],
      item: [history, history, live, 'type', '{}', '', 0],
      channels: [live],
    },
    {
      returns: 'string',
      shared: [[next], 100, 60_000, 1000, 1000],
      item: [history, keys.published('live', 'room', 'x'), live, 'type', '{}', 'price', 5000],
      before: EVENTS,
      channels: [live],
    },
  ],
  'notifier/revoke': [
    {
      returns: 'string',
      shared: [[next], 10_000, 60_000, 0, 1000],
      item: [control, control, controlLive, 'revoke', '{"user":"ann"}', '', 0],
      channels: [controlLive],
    },
  ],
  'notifier/disconnect': [
    {
      returns: 'integer',
      item: [connections, 'p', 2],
      before: [['ZADD', connections, '2e15', '00000000000000002:p:2']],
    },
  ],
  'notifier/since': [
    { returns: 'list', shared: [0], item: [history, next, '5-1-bf5d3a', 10], before: EVENTS },
    { returns: 'list', shared: [1000], item: [history, next, '-', 10], before: EVENTS },
    { returns: 'list', shared: [0], item: [history, next, '5-0', 10], before: [['ZADD', next, 5, history]] },
  ],
  'notifier/top': [{ returns: 'string', item: [history], before: EVENTS }],
}
