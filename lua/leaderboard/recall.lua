--- Find when an increment was made that can still be undone.
-- @batch 64
-- @readonly
-- @include leaderboard/board
-- @include now
-- @shared keys keys      the remembered ids
-- @shared window         microseconds that an id is stored
-- @item arg id           the increment's id
-- @returns integer|null  the time in microseconds; null when it is not remembered

local function item(id)
  local record = redis.call('HGET', keys[1], 'i' .. id)
  local time = record and board.time_of(record)
  -- A time beyond what a double counts is a foreign program's.
  return time and time < 2 ^ 53 and now - time < tonumber(window) and time or nil
end
