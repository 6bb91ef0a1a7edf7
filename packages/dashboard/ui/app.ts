import type { VNode } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

import type { SessionAnswer } from '../src/api-types.ts'
import { ActionsArea } from './components/actions.ts'
import { Empty, Failed, Skeleton } from './components/basics.ts'
import { Screen } from './components/screen.ts'
import { Shell } from './components/shell.ts'
import { type ApiFailure, failureOf, read, RIGHTS_LOST } from './lib/api.ts'
import { html } from './lib/html.ts'
import { LiveProvider, useLive, useLiveSource } from './lib/live.ts'
import { link, type Route, useRoute } from './lib/router.ts'
import { SessionProvider, useSession } from './lib/session.ts'
import { Audit } from './screens/audit.ts'
import { BoardsScreen } from './screens/boards/boards.ts'
import { ChannelsScreen } from './screens/channels/channels.ts'
import { DeadScreen } from './screens/dead/dead.ts'
import { LimitsScreen } from './screens/limits/limits.ts'
import { LocksScreen } from './screens/locks.ts'
import { Overview } from './screens/overview.ts'
import type { SpaceScreenProps } from './screens/props.ts'
import { Schedules } from './screens/schedules.ts'
import { Spaces } from './screens/spaces.ts'
import { EntryScreen } from './screens/stream/entry.ts'
import { StreamScreen } from './screens/stream/stream.ts'
import { Streams } from './screens/streams.ts'

/** Asks who the user is, then shows the dashboard. */
export function App(): VNode {
  const [session, setSession] = useState<SessionAnswer>()
  const [failure, setFailure] = useState<ApiFailure>()
  function ask(): void {
    setFailure(undefined)
    read('session', {}).then(setSession, (error: unknown) => setFailure(failureOf(error)))
  }
  useEffect(() => {
    ask()
    addEventListener(RIGHTS_LOST, ask)
    return () => removeEventListener(RIGHTS_LOST, ask)
  }, [])
  if (session === undefined) {
    return html`<main class="main">
      <h1 class="hidden-text">penknife</h1>
      ${failure ? html`<${Failed} failure=${failure} retry=${ask} />` : html`<${Skeleton} />`}
    </main>`
  }
  return html`<${SessionProvider} value=${session}><${Dashboard} /><//>`
}

function Dashboard(): VNode {
  const live = useLiveSource()
  return html`<${LiveProvider} value=${live}
    ><${ActionsArea}><${Place} /><//
  ><//>`
}

function Place(): VNode {
  const route = useRoute()
  const { overview } = useLive()
  // The space that was looked at last stays chosen on the screens without a space.
  const last = useRef<string>(undefined)
  if (route.parts[0] === 's' && route.parts[1] !== undefined) last.current = route.parts[1]
  const { audit } = useSession()
  const first = overview?.spaces.find((totals) => totals.space !== audit.space)
  const space = last.current ?? first?.space
  return html`<${Shell} route=${route} space=${space}><${Current} ...${route} /><//>`
}

function Current(route: Route): VNode {
  const { parts, query } = route
  const [first, space, section, ...rest] = parts
  if (first === undefined) return html`<${Overview} />`
  if (first === 'audit') return html`<${Audit} ...${route} />`
  if (first === 'spaces') return html`<${Spaces} ...${route} />`
  const screen = first === 's' && space !== undefined ? screenOf(section, rest) : undefined
  if (screen === undefined || space === undefined) return html`<${NoScreen} />`
  // Another space, stream and so on is another screen: nothing of the one before stays.
  return html`<${screen} key=${parts.join('/')} space=${space} rest=${rest} query=${query} />`
}

const SCREENS: Readonly<Record<string, (props: SpaceScreenProps) => VNode>> = {
  streams: Streams,
  dead: DeadScreen,
  schedules: Schedules,
  limits: LimitsScreen,
  boards: BoardsScreen,
  channels: ChannelsScreen,
  locks: LocksScreen,
}

function screenOf(
  section: string = '',
  rest: readonly string[],
): ((props: SpaceScreenProps) => VNode) | undefined {
  if (section !== 'streams' || rest.length === 0)
    return Object.hasOwn(SCREENS, section) ? SCREENS[section] : undefined
  return rest[1] === 'entries' && rest[2] !== undefined ? EntryScreen : StreamScreen
}

function NoScreen(): VNode {
  return html`<${Screen} title="No such screen">
    <div class="panel">
      <${Empty} title="The link leads nowhere"><a href=${link([])}>Go to the overview</a><//>
    </div>
  <//>`
}
