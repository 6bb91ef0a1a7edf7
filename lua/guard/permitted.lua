--- Return how many permits are taken, and how many callers wait.
-- @batch 128
-- @readonly
-- @include now
-- @item key held     as permit.lua
-- @item key queue    as permit.lua
-- @returns integers  permits that are taken or offered; tickets in the queue

local MOST = 1000

local function item(held, queue)
  local taken = 0
  local from = '(' .. string.format('%.0f', now)
  for _, ticket in ipairs(redis.call('ZRANGE', held, from, '+inf', 'BYSCORE', 'LIMIT', 0, MOST)) do
    taken = taken + (tonumber(string.match(ticket, ':%d+:(%d+)$')) or 1)
  end
  return { taken, redis.call('ZCARD', queue) }
end
