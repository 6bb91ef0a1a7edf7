import { FIRST } from '../../packages/core/src/redis/registry.ts'

// Many tests count the calls of a feature: the registration of its objects must not come in between.
FIRST.ms = 3_600_000
