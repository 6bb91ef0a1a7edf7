-- `reserve_epoch(next, history, epoch)`: stores where the next history of a channel begins, in the set `next`.
--
-- Clients decide which channels they follow, so the set has a bound: the oldest epoch is removed.

local MAX_EPOCHS = 100000
-- 30 days after the last epoch was added.
local EPOCHS_TTL = 2592000000

local function reserve_epoch(next, history, epoch)
  if redis.call('ZCARD', next) >= MAX_EPOCHS then
    redis.call('ZREM', next, redis.call('ZRANGE', next, 0, 0)[1])
  end
  redis.call('ZADD', next, string.format('%.0f', epoch), history)
  redis.call('PEXPIRE', next, EPOCHS_TTL)
end
