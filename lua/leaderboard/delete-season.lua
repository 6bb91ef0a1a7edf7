--- Delete a season.
-- @batch 1
-- @full runs         it only deletes
-- @item key seasons  hash, see lua/leaderboard/end-season.lua
-- @item key ranking  sorted set of the season
-- @item key distinct its different scores
-- @item key copy     hash: the data of the season
-- @item key rewards  hash: how far its rewards were given
-- @item arg id       of the season
-- @returns integer   1 when there was one, else 0

local function item(seasons, ranking, distinct, copy, rewards, id)
  local found = redis.pcall('HDEL', seasons, id, 'data ' .. id)
  if type(found) == 'table' then
    return found
  end
  redis.call('UNLINK', ranking, distinct, copy, rewards)
  return math.min(found, 1)
end
