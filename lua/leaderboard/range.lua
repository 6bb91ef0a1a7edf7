--- Read rows by rank; the highest score is rank 0.
-- @batch 8
-- @readonly
-- @item key board sorted set
-- @item arg start first rank
-- @item arg stop  last rank
-- @returns list   member and score of each row

local function item(board, start, stop)
  return redis.call('ZREVRANGE', board, start, stop, 'WITHSCORES')
end
