import type { Program } from '../harness/bundle.ts'
import type { Part } from '../harness/cast.ts'
import {
  CHANNELS,
  type ChromiumConfig,
  type CoreClientPlan,
  type CoreConfig,
  type HttpConfig,
  type LiveConfig,
  type PublisherConfig,
  type RawClientPlan,
  type RawConfig,
  type ServerConfig,
  type WatcherConfig,
} from './plan.ts'

/** The kinds of clients. The last kind: guests in halls, and a process that watches them and a board. */
export const CLIENTS = ['core', 'raw', 'eventsource', 'live', 'crowd'] as const
export type ClientKind = (typeof CLIENTS)[number]

export type PartConfig =
  | ChromiumConfig
  | CoreConfig
  | HttpConfig
  | LiveConfig
  | PublisherConfig
  | RawConfig
  | ServerConfig
  | Partial<WatcherConfig>

export type Start = (name: string, program: Program, config: PartConfig) => Part

export interface Ports {
  readonly web: number
  readonly rough: number
  /** Of the server for HTTP/2. */
  readonly rough2: number
}

const all = CHANNELS.map(({ name }) => name)
const [news = '', room = '', user = '', prices = '', fat = '', quiet = ''] = all

/** What the processes follow that use a notifier without HTTP. */
const CORE_1: readonly Omit<CoreClientPlan, 'w'>[] = [
  { manner: 'callback', channels: all },
  { manner: 'callback', channels: [news] },
  { manner: 'state', channels: [room, prices] },
]
const CORE_2: readonly Omit<CoreClientPlan, 'w'>[] = [
  { manner: 'iterator', channels: [news, quiet] },
  { manner: 'iterator', channels: [prices, room, user] },
  { manner: 'callback', channels: [quiet, user] },
]

type Started = Parameters<Start>

function cores(small: boolean): Started[] {
  const plans = small ? [[...CORE_1, ...CORE_2]] : [CORE_1, CORE_2]
  return plans.map((each, at) => [
    `core-${at + 1}`,
    'notifier/core',
    { clients: each.map((plan, w) => ({ w, ...plan })) },
  ])
}

function raws(small: boolean, { rough, rough2 }: Ports): Started[] {
  const http1: RawClientPlan[] = [all, [news], [fat, user], [prices, quiet]].map((channels, w) => ({
    w,
    channels,
    port: rough,
  }))
  const http2: RawClientPlan[] = [
    [news, room],
    [fat, quiet, user],
  ].map((channels, at) => ({ w: http1.length + at, channels, port: rough2, http2: true }))
  const processes: readonly RawConfig[] = small
    ? [{ clients: [...http1, ...http2] }]
    : [{ clients: http1 }, { clients: http2 }]
  return processes.map((config, at) => [`raw-${at + 1}`, 'notifier/raw', config])
}

function eventSource(port: number): Started {
  const config: HttpConfig = {
    port,
    clients: [
      { w: 0, channels: [news, prices] },
      { w: 1, channels: [room] },
      { w: 2, channels: [user, quiet, fat] },
    ],
  }
  return ['eventsource-1', 'notifier/eventsource', config]
}

function live(port: number): Started {
  const config: LiveConfig = {
    port,
    clients: [
      { w: 0, over: 'websocket', channels: all },
      { w: 1, over: 'websocket', channels: [news] },
      { w: 2, over: 'websocket', channels: [fat, user] },
      { w: 3, over: 'sse', channels: [prices, quiet] },
      { w: 4, over: 'any', channels: [room, quiet] },
    ],
  }
  return ['live-1', 'notifier/live', config]
}

function pages(port: number, binary: string): Started {
  const config: ChromiumConfig = {
    port,
    binary,
    clients: [
      { w: 0, channels: [news, room, prices] },
      { w: 1, channels: [user, quiet] },
    ],
  }
  return ['chromium-1', 'notifier/chromium', config]
}

/** Starts the processes that follow channels. */
export function startClients(
  start: Start,
  kinds: readonly ClientKind[],
  { small, chromium, ...ports }: Ports & { readonly small: boolean; readonly chromium?: string | undefined },
): readonly Part[] {
  const processes = kinds.flatMap((kind) => {
    if (kind === 'core') return cores(small)
    if (kind === 'raw') return raws(small, ports)
    if (kind === 'eventsource') return [eventSource(ports.web)]
    return kind === 'live' ? [live(ports.rough)] : []
  })
  if (chromium) processes.push(pages(ports.web, chromium))
  return processes.map((each) => start(...each))
}
