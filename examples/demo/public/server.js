import { me } from './me.js'

/** Asks the server; resolves with its answer, whatever the status, or with undefined when there is none. */
export async function ask(method, path, query = {}) {
  const parameters = new URLSearchParams({ visitor: me.id, ...query })
  try {
    const signal = AbortSignal.timeout(5000)
    const response = await fetch(`${path}?${parameters}`, { method, signal, cache: 'no-store' })
    return {
      ok: response.ok,
      status: response.status,
      headers: response.headers,
      body: await response.json(),
    }
  } catch {
    return undefined
  }
}
