-- `now`: Redis' own time in whole microseconds since 1970 (exact in a double until the year 2255).
-- @once
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
