--- Read a member's position and sort value on a board that is one sorted set and nothing else.
-- @batch 64
-- @readonly
-- @shared keys keys  the board's sorted set
-- @item arg member   member
-- @returns string|null position from 0 and sort value, a space between: one text is sent and read sooner than a list;
--                      null when the board does not have the member

local function item(member)
  local rank = redis.call('ZRANK', keys[1], member)
  return rank and rank .. ' ' .. redis.call('ZSCORE', keys[1], member)
end
