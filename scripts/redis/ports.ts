export * from '../../packages/testing/src/server/ports.ts'
