--- Read a member's rank and score; the highest score is rank 0.
-- @batch 128
-- @readonly
-- @item key board   sorted set
-- @item arg member  member
-- @returns list|null rank and score; null when the board does not have the member

local function item(board, member)
  local rank = redis.call('ZREVRANK', board, member)
  return rank and { rank, redis.call('ZSCORE', board, member) }
end
