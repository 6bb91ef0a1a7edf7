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
export { ipKey } from './rate-limit/ip.ts'
export type { RateLimitOptions } from './rate-limit/options.ts'
export type { RequestEntry } from './request-log/entry.ts'
export type { RequestLogOptions, RequestStream } from './request-log/options.ts'
export type { StreamWriter } from './stream-writer.ts'
