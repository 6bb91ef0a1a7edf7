--- Read a member's position and sort value on a board that is a single sorted set.
-- @batch 64
-- @readonly
-- @shared keys keys  the board's sorted set
-- @item arg member   member
-- @returns string|null position from 0 and sort value, separated by a space (one text is faster than a list);
--                      null when the member is not on the board

local function item(member)
  local rank = redis.call('ZRANK', keys[1], member)
  return rank and rank .. ' ' .. redis.call('ZSCORE', keys[1], member)
end
