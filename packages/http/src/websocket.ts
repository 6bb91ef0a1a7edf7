/** Notifications over WebSockets. Needs the package `ws`. */
export {
  type NotificationSockets,
  notificationSockets,
  type UpgradingServer,
} from './notifications/websocket/sockets.ts'
export type { NotificationSocketsOptions } from './notifications/websocket/options.ts'
