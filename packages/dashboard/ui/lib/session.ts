import { createContext } from 'preact'
import { useContext } from 'preact/hooks'

import type { SessionAnswer } from '../../src/api-types.ts'

const SessionContext = createContext<SessionAnswer | undefined>(undefined)

export const SessionProvider = SessionContext.Provider

export function useSession(): SessionAnswer {
  const session = useContext(SessionContext)
  if (session === undefined) throw new Error('no session')
  return session
}

/** Whether the user may act. The server checks it again. */
export function useMayAct(): boolean {
  return useSession().role === 'operate'
}
