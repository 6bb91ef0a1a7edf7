import type { LimiterSubject } from '@penknife/core'

import type { ActionAnswer, DashboardActions, DashboardFailure, DashboardReads } from '../../src/api-types.ts'

export type ReadName = keyof DashboardReads
export type ActionName = keyof DashboardActions
export type Query<Name extends ReadName> = DashboardReads[Name]['query']
export type Answer<Name extends ReadName> = DashboardReads[Name]['answer']

/** `offline`: the server of the dashboard did not answer. The others are those of the API. */
export type FailureCode = DashboardFailure['error']['code'] | 'offline'

export class ApiFailure extends Error {
  readonly code: FailureCode
  constructor(code: FailureCode, message: string) {
    super(message)
    this.code = code
  }
}

/** Whether what was asked for is not there any more. */
export function isGone(failure: ApiFailure | undefined): boolean {
  return failure?.code === 'not-found' || failure?.code === 'gone'
}

/** Emitted on the window when the server refused an action, because the user may only read now. */
export const RIGHTS_LOST = 'penknife-rights-lost'

/** The address of a route. It is relative, so the page works below any path. */
export function address(name: string, query: object = {}): string {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') search.set(key, String(value))
  }
  const text = search.toString()
  return `api/${name}${text === '' ? '' : `?${text}`}`
}

export function read<Name extends ReadName>(
  name: Name,
  query: Query<Name>,
  signal?: AbortSignal,
): Promise<Answer<Name>> {
  return call(address(name, query), signal === undefined ? {} : { signal })
}

export function act<Name extends ActionName>(
  name: Name,
  body: DashboardActions[Name],
): Promise<ActionAnswer> {
  const answer = call<ActionAnswer>(address(name), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Penknife-Dashboard': '1' },
    body: JSON.stringify(body),
  })
  answer.catch((error: unknown) => {
    if (error instanceof ApiFailure && error.code === 'forbidden') dispatchEvent(new Event(RIGHTS_LOST))
  })
  return answer
}

/** The parameters of a subject in a query. */
export function subjectQuery(subject: LimiterSubject): Readonly<Record<string, string>> {
  if (typeof subject === 'string') return { subject }
  return Object.fromEntries(Object.entries(subject).map(([part, text]) => [`part.${part}`, text]))
}

/** The failure of any call as text for a person. */
export function failureOf(error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error
  return new ApiFailure('failed', error instanceof Error ? error.message : String(error))
}

async function call<T>(url: string, init: RequestInit): Promise<T> {
  let response: Response
  try {
    response = await fetch(url, { credentials: 'same-origin', ...init })
  } catch (error) {
    if (init.signal?.aborted) throw error
    throw new ApiFailure('offline', 'The server of this page does not answer.')
  }
  let body: unknown
  try {
    body = await response.json()
  } catch {
    body = undefined
  }
  if (response.ok && body !== undefined) return body as T
  const failure = (body as Partial<DashboardFailure> | undefined)?.error
  if (failure !== undefined) throw new ApiFailure(failure.code, failure.message)
  if (response.status === 404) throw new ApiFailure('not-found', 'Not found, or you have no access any more.')
  throw new ApiFailure('failed', `The server answered with status ${response.status}.`)
}
