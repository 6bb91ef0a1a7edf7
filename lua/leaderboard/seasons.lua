--- List the seasons of a board.
-- @batch 8
-- @readonly
-- @item key seasons  hash, see lua/leaderboard/end-season.lua
-- @returns list      fields and values, in turn

local function item(seasons)
  return redis.call('HGETALL', seasons)
end
