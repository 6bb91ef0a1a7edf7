--- Find the time of an increment whose id is still stored.
-- @batch 64
-- @readonly
-- @include leaderboard/board
-- @include now
-- @shared keys keys      the stored ids
-- @shared window         microseconds that an id is stored
-- @item arg id           the increment's id
-- @returns integer|null  the time in microseconds; null when the id is not stored

local function item(id)
  local record = redis.call('HGET', keys[1], 'i' .. id)
  local time = record and board.time_of(record)
  -- Only another program can have written a time that a double cannot represent exactly.
  return time and time < 2 ^ 53 and now - time < tonumber(window) and time or nil
end
