--- Add to a member's score.
-- @batch 64
-- @item key board  sorted set
-- @item arg member member
-- @item arg by     number to add
-- @returns string  the new score

local function item(board, member, by)
  return redis.call('ZINCRBY', board, by, member)
end
