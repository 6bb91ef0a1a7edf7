export { findServer } from './server/find.ts'
