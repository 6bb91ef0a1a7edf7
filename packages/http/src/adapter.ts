/** For those who write an adapter for another framework: packages/express is the example, ./testkit the proof. */
export { isStreamReply, renderReply, type RenderedReply, send } from './answer.ts'
export { createExchanges } from './exchange/http-exchange.ts'
export { keptBody, socketAddress, type View } from './exchange/view.ts'
export { leaderboardPlugin } from './leaderboard/plugin.ts'
export { notificationsPlugin } from './notifications/plugin.ts'
export { closable } from './plugin.ts'
export { rateLimitPlugin } from './rate-limit/plugin.ts'
export { requestLogPlugin } from './request-log/plugin.ts'
