--- Add to a member's score.
-- @batch 64
-- @item key board  sorted set
-- @item arg member member
-- @item arg by     number to add
-- @returns string  the new score

-- Less than this, added to any finite double, gives a finite double: half the gap between the two largest.
local HARMLESS = 2 ^ 970

local function item(board, member, by)
  if math.abs(by) >= HARMLESS then
    local sum = (redis.call('ZSCORE', board, member) or 0) + by
    if math.abs(sum) == math.huge then
      return redis.error_reply('ERR the new score would be too large')
    end
  end
  return redis.call('ZINCRBY', board, by, member)
end
