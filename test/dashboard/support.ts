import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

import type { Penknife } from '@penknife/core'
import type { DashboardActions, DashboardOptions, DashboardReads, DashboardUser } from '@penknife/dashboard'
import { dashboard } from '@penknife/dashboard/node'
import type { NodeContext } from '@penknife/http'
import { onTestFinished } from 'vitest'

type Options = Omit<DashboardOptions, 'authorize'>

/** A running dashboard. Its users are named in the header `x-user`: `ann` may operate, `bob` may read, all others nothing. */
export interface Running {
  readonly url: string
  readonly server: Server
  get<Name extends keyof DashboardReads>(
    name: Name,
    query: DashboardReads[Name]['query'],
    user?: string,
  ): Promise<Answer<DashboardReads[Name]['answer']>>
  post<Name extends keyof DashboardActions>(
    name: Name,
    body: DashboardActions[Name],
    user?: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer<{ changed: boolean; text: string; count?: number; id?: string }>>
  close(): Promise<void>
}

export interface Answer<Body> {
  readonly status: number
  readonly body: Body
  readonly headers: Headers
}

const USERS: Readonly<Record<string, DashboardUser>> = {
  ann: { user: 'ann', role: 'operate' },
  bob: { user: 'bob', role: 'read' },
}

export const ACTION = { 'x-penknife-dashboard': '1', 'content-type': 'application/json' } as const

/** Process warnings from now on, until the test ends. */
export function caughtWarnings(): readonly string[] {
  const caught: string[] = []
  const note = ({ message }: Error): void => void caught.push(message)
  process.on('warning', note)
  onTestFinished(() => void process.off('warning', note))
  return caught
}

export async function startDashboard(
  penknife: Penknife,
  options: Options = {},
  authorize: DashboardOptions<NodeContext>['authorize'] = ({ request }) =>
    USERS[String(request.headers['x-user'])],
): Promise<Running> {
  const serve = dashboard(penknife, { ...options, authorize })
  const server = createServer((request, response) => {
    serve(request, response).then(
      (continues) => continues && response.writeHead(418).end(),
      () => response.writeHead(500).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/penknife`
  async function close(): Promise<void> {
    await serve.close({ deadline: 1000 })
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  onTestFinished(close)

  async function answered<Body>(call: Promise<Response>): Promise<Answer<Body>> {
    const response = await call
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json')
    return {
      status: response.status,
      headers: response.headers,
      body: (isJson ? JSON.parse(text) : text) as Body,
    }
  }

  return {
    url,
    server,
    get(name, query, user = 'ann') {
      const search = new URLSearchParams(query as Record<string, string>)
      return answered(fetch(`${url}/api/${name}?${search}`, { headers: { 'x-user': user } }))
    },
    post: (name, body, user = 'ann', headers = ACTION) =>
      answered(
        fetch(`${url}/api/${name}`, {
          method: 'POST',
          headers: { 'x-user': user, ...headers },
          body: JSON.stringify(body),
        }),
      ),
    close,
  }
}
