/** For plugins. Every adapter exports this too, so that an application needs one import. */
export type { AcceptAction, AcceptOptions, AcceptStream } from './accept/options.ts'
export { type Answer, PASS, type Reply, type StreamReply } from './answer.ts'
export { decisionOf } from './decisions.ts'
export type {
  ByteCount,
  CapturedBody,
  Exchange,
  Finish,
  HeaderValue,
  NativeRequest,
  NativeResponse,
} from './exchange/exchange.ts'
export { HttpError } from './http-error.ts'
export type { IdempotentOptions } from './idempotent/options.ts'
export type { LeaderboardRouteOptions } from './leaderboard/options.ts'
export { createNotificationClients } from './notifications/clients/clients.ts'
export type {
  NotificationClient,
  NotificationClients,
  NotificationClientsOptions,
} from './notifications/clients/types.ts'
export type { NotificationFields, NotificationFormat } from './notifications/sse/format.ts'
export type { NotificationViews } from './notifications/views/with-views.ts'
export type { NotificationsOptions } from './notifications/options.ts'
export { type Closable, definePlugin, type Handler, type Plugin } from './plugin.ts'
export { problem, type ProblemOptions } from './problem.ts'
export { headersFor, type HeadersForOptions } from './rate-limit/headers-for.ts'
export { ipKey } from './ip.ts'
export type { RateLimitOptions } from './rate-limit/options.ts'
export type { RequestAddress } from './request-log/address.ts'
export { logClientErrors } from './request-log/client-errors.ts'
export type { RequestEntry, RequestError, RequestLimit, RequestTrace } from './request-log/entry.ts'
export { logError, logFields, requestIdOf } from './request-log/notes.ts'
export type {
  RequestLogOptions,
  RequestLogSpaceOptions,
  RequestStream,
  RequestStreamOptions,
} from './request-log/options.ts'
export type { RequestIdOptions } from './request-log/request-id.ts'
export type { RequestSampling } from './request-log/sampling.ts'
export {
  createRequestStream,
  type RequestEvents,
  type RequestMatch,
  type RequestScan,
  type RequestScanOptions,
} from './request-log/stream.ts'
export type { StreamWriter } from './stream-writer.ts'
