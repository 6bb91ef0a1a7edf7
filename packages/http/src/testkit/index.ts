import { type ContractCase, hasClients } from './contract.ts'
import { lifecycleCases } from './lifecycle.ts'
import { replyCases } from './replies.ts'
import { requestLogCases } from './request-log.ts'
import { requestCases } from './requests.ts'
import { streamCases } from './streams.ts'

export {
  begin,
  call,
  type Called,
  type CallOptions,
  httpGet,
  nextChunk,
  open,
  raw,
  type RawConnection,
} from './client.ts'
export type { AdapterUnderTest, ContractCase, RunningServer, StartOptions } from './contract.ts'

/**
 * What every adapter must hold, as cases for any test runner:
 *
 *     test.for(contractCases.filter(({ applies }) => applies(adapter)))('$name', ({ run }) => run(adapter))
 */
export const contractCases: readonly ContractCase[] = [
  ...requestCases,
  ...replyCases,
  ...lifecycleCases,
  ...requestLogCases,
  ...streamCases.map(ofStreams),
]

function ofStreams(contractCase: ContractCase): ContractCase {
  return { ...contractCase, applies: (adapter) => hasClients(adapter) && contractCase.applies(adapter) }
}
