/** Notifications, and what `accept` serves, over WebSockets. Needs the package `ws`. */
export { type NotificationSockets, notificationSockets } from './notifications/websocket/sockets.ts'
export type { UpgradingServer } from './sockets/upgrading-server.ts'
export type { NotificationSocketsOptions } from './notifications/websocket/options.ts'
export { type AcceptSockets, acceptSockets } from './accept/sockets.ts'
export type { AcceptSocketsOptions } from './accept/socket-options.ts'
